import { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/observe";
import type { OpenQueue } from "../open-queue.ts";
import type { Abandoner } from "./abandoner.ts";

export type InterruptionErrorOptions = {
  queue: { store: Pick<OpenQueue["store"], "keep"> };
  abandoner: Pick<Abandoner, "abandonNow">;
  log: Logger;
  syncTimeoutMs: number;
};

/** Returns the function that says what a caller is told whose wait on the line is over before the generation is, and sees to it. */
export function createInterruptionError({ queue, abandoner, log, syncTimeoutMs }: InterruptionErrorOptions) {
  return async (why: "timeout" | "shutdown", { id, lane }: { id: string; lane: string }): Promise<ApiError> => {
    if (why === "timeout") {
      // The caller is told that it goes on, so nobody else's leaving may cancel it.
      await queue.store.keep(id).catch((error: unknown) => {
        log.warn({ generationId: id, err: error }, "Redis is away: a generation may be canceled after its 504");
      });
      return new ApiError(
        "timeout_error",
        `The images were not ready within ${syncTimeoutMs / 1_000} s. The generation goes on; its id is ${id}.`,
      );
    }
    // One that nobody has begun is canceled, and may be sent again; one that runs goes on, and sent again would be bought twice.
    const verdict = await abandoner.abandonNow(id, lane).catch(() => "kept" as const);
    if (verdict === "canceled") {
      const message = "This server is shutting down, and the request was not begun. Send it again.";
      return new ApiError("overloaded", message, { retryAfterMs: 1_000 });
    }
    const message = `This server is shutting down. The generation goes on; its id is ${id}.`;
    return new ApiError("overloaded", message, { retryable: false });
  };
}

export type InterruptionError = ReturnType<typeof createInterruptionError>;
