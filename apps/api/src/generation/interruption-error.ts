import { ApiError } from "@darkroom/contracts";
import type { Joined } from "./submit-or-attach.ts";

/** What of a joined generation it goes by. */
type Interrupted = Pick<Joined, "id" | "answer" | "isFoundAgain">;

/** Returns the function that says what a caller is told whose wait on the line is over before the generation is, and sees to it. */
export function createInterruptionError({ syncTimeoutMs }: { syncTimeoutMs: number }) {
  return async (why: "timeout" | "shutdown", { id, answer, isFoundAgain }: Interrupted): Promise<ApiError> => {
    if (why === "timeout") {
      await answer.leave("later");
      return new ApiError(
        "timeout_error",
        `The images were not ready within ${syncTimeoutMs / 1_000} s. The generation goes on; its id is ${id}.`,
      );
    }
    // One that nobody has begun is canceled, and the same request makes another. One that goes on is found by it.
    if ((await answer.leave("cut")) === "canceled") {
      const message = "This server is shutting down, and the request was not begun. Send it again.";
      return new ApiError("overloaded", message, { retryAfterMs: 1_000 });
    }
    if (isFoundAgain) {
      const message = `This server is shutting down. Send the request again to go on waiting for ${id}.`;
      return new ApiError("overloaded", message, { retryAfterMs: 1_000 });
    }
    const message = `This server is shutting down. The generation goes on; its id is ${id}.`;
    return new ApiError("overloaded", message, { retryable: false });
  };
}

export type InterruptionError = ReturnType<typeof createInterruptionError>;
