import { type Admission, assertModelAllowed, type Keyring, refusalError } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import { assertStored, type GenerationRecord } from "@darkroom/generations";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import type { FastifyInstance } from "fastify";
import { assertAdmissible } from "../../limits/admission-of.ts";
import type { FindGeneration } from "../../generation/find-generation.ts";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { ShedLoad } from "../../limits/shed-load.ts";
import type { RenderGeneration } from "../../generation/render-generation.ts";
import type { SendAccepted } from "../../generation/send-generation.ts";
import { accountOf } from "../../http/authenticate.ts";
import type { LoadShedder } from "../../limits/load-shedder.ts";
import type { Queue } from "../../open-queue.ts";

export type RetryGenerationDependencies = {
  queue: Pick<Queue, "generations" | "lanes">;
  findGeneration: FindGeneration;
  renderGeneration: RenderGeneration;
  shedLoad: ShedLoad;
  keyring: Pick<Keyring, "find">;
  loadShedder: Pick<LoadShedder, "inTurn">;
  sendAccepted: SendAccepted;
  objects: Pick<ObjectStore, "head">;
  log: Logger;
};

/**
 * `POST /v1/generations/{id}/retry`: a failed, expired or canceled generation is queued once more, under its own id, and so is one that has
 * succeeded and whose images are gone from the store.
 */
export function retryGenerationRoute(app: FastifyInstance, dependencies: RetryGenerationDependencies): void {
  const { queue, findGeneration, renderGeneration, shedLoad, keyring, loadShedder, objects, sendAccepted, log } =
    dependencies;

  app.post<{ Params: { id: string } }>("/v1/generations/:id/retry", async (request, reply) => {
    const account = accountOf(request);
    const { tenant } = account;
    const generation = await findGeneration(tenant, request.params.id);
    const { id, lane } = generation;
    request.facts.generationId = id;
    assertModelAllowed(account, generation.model);
    shedLoad(tenant, lane);
    const admission = retryAdmission(keyring, generation);
    const goneVersion = (await areImagesGone(generation, objects)) ? generation.version : undefined;
    const retry = async () => queueAnswer(queue.generations.retry(id, lane, tenant, admission, { goneVersion }));
    const retried = await loadShedder.inTurn(reply.raw, retry);
    if (retried.kind === "unended")
      throw new ApiError("conflict", `The generation ${id} has not ended, so it needs no retry.`);
    if (retried.kind === "succeeded")
      throw new ApiError("conflict", `The generation ${id} has succeeded, and its images are in the store.`);
    if (retried.kind === "batched") {
      throw new ApiError(
        "conflict",
        `The generation ${id} is a line of ${generation.batchId}. Send it as a new request.`,
      );
    }
    if (retried.kind === "refused") throw refusalError(retried.refusal, admission);
    if (retried.kind === "accepted") {
      // A worker may still hold the job of an attempt that was canceled, and then this adds none. Recovery has its eye on it.
      await queue.lanes.add(lane, id, retried.priority).catch((error: unknown) => {
        log.warn({ generationId: id, lane, err: error }, "The job could not be put on its lane; recovery will");
      });
    }
    const current = findGeneration(tenant, id).catch((error: unknown) => {
      if (retried.kind !== "accepted") throw error;
      log.warn(
        { generationId: id, err: error },
        "A retried generation cannot be read; its caller is told what is known",
      );
      return queuedAgain(generation);
    });
    return sendAccepted(reply, await renderGeneration(await current));
  });
}

/** Whether a generation has succeeded and its images are not in the store any more. Throws `ApiError` where the store cannot tell. */
async function areImagesGone({ status, delivery }: GenerationRecord, objects: Pick<ObjectStore, "head">) {
  if (status !== "succeeded") return false;
  try {
    await assertStored(delivery?.images ?? [], objects);
    return false;
  } catch (cause) {
    if (cause instanceof ObjectNotFoundError) return true;
    throw new ApiError("overloaded", "The object store cannot tell at the moment whether the images are there.", {
      cause,
    });
  }
}

/** What a generation is that was queued again: sent once more, the request would be refused. */
const queuedAgain = (record: GenerationRecord): GenerationRecord => ({
  ...record,
  status: "queued",
  startedAtMs: null,
  endedAtMs: null,
  expiresAtMs: null,
  costMicros: null,
  delivery: record.status === "succeeded" ? null : record.delivery,
  missing: [],
  error: null,
});

/**
 * What a retry takes from the limits and budget of the generation's own key, whichever key of the tenant asks for it. It reserves the same
 * amount as before, because the same terms bill it. Throws `ApiError` when that key is gone or no longer has the right.
 */
function retryAdmission(keys: Pick<Keyring, "find">, record: GenerationRecord): Admission {
  const account = keys.find(record.keyId);
  if (account === undefined) {
    throw new ApiError(
      "conflict",
      `The API key that ${record.id} was made with is no longer in use. Send it as a new request.`,
    );
  }
  assertModelAllowed(account, record.model);
  const { limits, budget } = account;
  const images = record.upstream.parameters.n ?? 1;
  const admission = { limits, budget, images, worstCaseMicros: record.reservedMicros };
  assertAdmissible(admission, () => `${record.id} was accepted without a price. Send it as a new request.`);
  return admission;
}
