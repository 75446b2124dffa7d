import { ApiError } from "@darkroom/contracts";
import type { Drain } from "../drain.ts";
import type { Queue } from "../open-queue.ts";

export type ShedLoadOptions = { queue: Pick<Queue, "memoryGuard">; drain: Drain };

/** Generations that end make room in a full Redis, which takes some seconds. */
const fullRetryAfterMs = 5_000;

/** Returns the function that throws `ApiError` where this process, or Redis, has no room for another generation. */
export function createShedLoad({ queue, drain }: ShedLoadOptions) {
  return (): void => {
    if (drain.draining) {
      throw new ApiError("overloaded", "This server is shutting down. Send the request again.", {
        retryAfterMs: 1_000,
      });
    }
    if (queue.memoryGuard.isFull()) {
      const message = "Too many requests are waiting. Send this one again later.";
      throw new ApiError("overloaded", message, { retryAfterMs: fullRetryAfterMs });
    }
  };
}

export type ShedLoad = ReturnType<typeof createShedLoad>;
