import { assertModelAllowed } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import { assertStored, type GenerationRecord } from "@darkroom/generations";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import type { FastifyInstance } from "fastify";
import type { FindGeneration } from "../../generation/find-generation.ts";
import type { RetryRecord } from "../../generation/retry-record.ts";
import type { RenderGeneration } from "../../generation/render-generation.ts";
import type { SendAccepted } from "../../generation/send-generation.ts";
import { accountOf } from "../../http/authenticate.ts";
import type { LoadShedder } from "../../limits/load-shedder.ts";

export type RetryGenerationDependencies = {
  findGeneration: FindGeneration;
  renderGeneration: RenderGeneration;
  retryRecord: RetryRecord;
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
  const { findGeneration, renderGeneration, retryRecord, loadShedder, objects, sendAccepted, log } = dependencies;

  app.post<{ Params: { id: string } }>("/v1/generations/:id/retry", async (request, reply) => {
    const account = accountOf(request);
    const { tenant } = account;
    const generation = await findGeneration(tenant, request.params.id);
    const { id } = generation;
    request.facts.generationId = id;
    assertModelAllowed(account, generation.model);
    const goneVersion = (await areImagesGone(generation, objects)) ? generation.version : undefined;
    const run = async <T>(retry: () => Promise<T>) => loadShedder.inTurn(reply.raw, retry);
    const retried = await retryRecord(generation, { goneVersion, run });
    const current = findGeneration(tenant, id).catch((error: unknown) => {
      if (retried !== "accepted") throw error;
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
