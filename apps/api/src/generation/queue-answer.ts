import { ApiError } from "@darkroom/contracts";

/** What the queue answers, or `ApiError` where it does not: for what may simply be asked again. */
export async function queueAnswer<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    const message = "The queue cannot be reached just now. Send the request again.";
    throw new ApiError("overloaded", message, { retryAfterMs: 1_000, cause });
  }
}
