import { type Admission, assertModelAllowed, type Keyring, refusalError } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { GenerationRecord } from "@darkroom/generations";
import type { Logger } from "@darkroom/runtime";
import { noTracer, type Tracer } from "@darkroom/tracing";
import { assertAdmissible } from "../limits/admission-of.ts";
import type { ShedLoad } from "../limits/shed-load.ts";
import type { Queue } from "../open-queue.ts";
import { queueAnswer } from "./queue-answer.ts";

export type RetryRecordOptions = {
  queue: Pick<Queue, "generations" | "lanes">;
  keyring: Pick<Keyring, "find">;
  shedLoad: ShedLoad;
  tracer?: Tracer | undefined;
  log: Logger;
};

/** `goneVersion`: the version of a succeeded generation whose images are gone from the store. */
type Retry = { goneVersion?: number | undefined; run?: <T>(work: () => Promise<T>) => Promise<T> };

/**
 * Returns the function that queues an ended generation once more, under its own id and on the account of its own key. Resolves `gone` where
 * its record is gone. Throws `ApiError` where it may not be queued. `run` runs the call that queues it, at once when left out.
 */
export function createRetryRecord({ queue, keyring, shedLoad, tracer = noTracer, log }: RetryRecordOptions) {
  return async (
    record: GenerationRecord,
    { goneVersion, run = (work) => work() }: Retry = {},
  ): Promise<"accepted" | "gone"> => {
    const { id, lane, tenant } = record;
    // The attempts that follow are in the trace of the request that made the generation.
    tracer.active().link(record.trace);
    shedLoad(tenant, lane);
    const admission = retryAdmission(keyring, record);
    const retry = async () => queueAnswer(queue.generations.retry(id, lane, tenant, admission, { goneVersion }));
    const retried = await run(retry);
    if (retried.kind === "refused") throw refusalError(retried.refusal, admission);
    if (retried.kind === "accepted") {
      // A worker may still hold the job of an attempt that was canceled, and then this adds none. Recovery puts the job on its lane.
      await queue.lanes.add(lane, id, retried.priority).catch((error: unknown) => {
        log.warn({ generationId: id, lane, err: error }, "The job could not be put on its lane; recovery will");
      });
      return "accepted";
    }
    if (retried.kind === "gone") return "gone";
    const reasons = {
      unended: "has not ended, so it needs no retry.",
      succeeded: "has succeeded, and its images are in the store.",
      batched: `is a line of ${record.batchId}. Send it as a new request.`,
    };
    throw new ApiError("conflict", `The generation ${id} ${reasons[retried.kind]}`);
  };
}

export type RetryRecord = ReturnType<typeof createRetryRecord>;

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
