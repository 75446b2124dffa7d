import { ApiError } from "@darkroom/contracts";
import type { FleetMember } from "@darkroom/redis";
import type { Drain } from "../drain.ts";
import type { Queue } from "../open-queue.ts";

export type ShedLoadOptions = {
  queue: { memoryGuard: Pick<Queue["memoryGuard"], "refusalOf"> };
  fleet: Pick<FleetMember, "isDrained">;
  drain: Drain;
};

/** Generations that end make room in a full Redis, which takes some seconds. */
const fullRetryAfterMs = 5_000;

/** Records that have ended are compressed within some ten seconds, which makes room. Others are kept for their retention. */
const tenantRetryAfterMs = 30_000;

/** An operator drains a lane for minutes. A caller that comes back every half minute costs little. */
const drainedRetryAfterMs = 30_000;

/**
 * Returns the function that throws `ApiError` where this process, Redis or a lane takes no further generation of a tenant. Lines of batches
 * are not asked for here: they wait in the object store.
 */
export function createShedLoad({ queue, fleet, drain }: ShedLoadOptions) {
  return (tenant: string, lane?: string): void => {
    if (drain.draining) {
      throw new ApiError("overloaded", "This server is shutting down. Send the request again.", {
        retryAfterMs: 1_000,
      });
    }
    if (lane !== undefined && fleet.isDrained(lane)) {
      const message = `The operator drains the lane ${lane}, and it takes no new requests. Send this request again later.`;
      throw new ApiError("overloaded", message, { retryAfterMs: drainedRetryAfterMs });
    }
    const refusal = queue.memoryGuard.refusalOf(tenant);
    if (refusal?.kind === "tenant") {
      const message =
        `The memory of the queue is nearly full, and the generations of the tenant ${tenant} take the largest part of it ` +
        `(${Math.ceil(refusal.bytes / 1_000_000)} MB), those included that have ended and are still kept. Send this request again later, or ask ` +
        `the operator to drop the ended ones.`;
      throw new ApiError("rate_limit_exceeded", message, { retryAfterMs: tenantRetryAfterMs });
    }
    if (refusal !== null) {
      const message = `The memory of the queue is full (${Math.floor(refusal.share * 100)} %). Send this request again later.`;
      throw new ApiError("overloaded", message, { retryAfterMs: fullRetryAfterMs });
    }
  };
}

export type ShedLoad = ReturnType<typeof createShedLoad>;
