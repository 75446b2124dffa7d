import { ApiError } from "@darkroom/contracts";
import { CommandTimeoutError, tellRedisError } from "@darkroom/redis";

/** What the queue answers, or `ApiError` where it does not: for what may simply be asked again. */
export async function queueAnswer<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw cause instanceof ApiError || isAbortError(cause) ? cause : unreachable(cause);
  }
}

/** Whether a signal ended the work, because the caller has gone. */
export const isAbortError = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

/** From here on the time that this process was busy is the reason for a timeout, and not Redis. */
const overloadedFromMs = 500;

/** A loaded process recovers within some seconds, once it is sent less. */
const overloadedRetryAfterMs = 3_000;

/** Longer than for a queue that is away, because an operator has to act as a rule; not by much, because a Redis may hover at its limit. */
const refusedRetryAfterMs = 3_000;

/**
 * What a caller is told where the queue did not answer: that it refuses and why, that it is away, or that this process is too busy to ask it in
 * time.
 */
export function unreachable(cause: unknown): ApiError {
  if (cause instanceof CommandTimeoutError && cause.stalledMs >= overloadedFromMs) {
    const message = "This server is overloaded. Send the request again later.";
    return new ApiError("overloaded", message, { retryAfterMs: overloadedRetryAfterMs, cause });
  }
  const refusal = tellRedisError(cause);
  if (refusal !== undefined) {
    const message = `The queue ${refusal}. Send the request again later.`;
    return new ApiError("overloaded", message, { retryAfterMs: refusedRetryAfterMs, cause });
  }
  const message = "The queue cannot be reached at the moment. Send the request again.";
  return new ApiError("overloaded", message, { retryAfterMs: 1_000, cause });
}
