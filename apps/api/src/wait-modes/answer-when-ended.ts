import { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/observe";
import type { Drain } from "../drain.ts";
import type { Abandoner } from "../generation/abandoner.ts";
import type { JoinGeneration } from "../generation/join-generation.ts";
import { limitWait } from "../generation/limit-wait.ts";
import { sendEnding } from "../generation/send-ending.ts";
import type { SendImages } from "../generation/send-images.ts";
import { waitForEnding } from "../generation/wait-for-ending.ts";
import type { OpenQueue } from "../open-queue.ts";
import type { WaitMode } from "./wait-mode.ts";

export type AnswerWhenEndedOptions = {
  queue: Pick<OpenQueue, "store" | "waits">;
  joinGeneration: JoinGeneration;
  sendImages: SendImages;
  abandoner: Abandoner;
  drain: Drain;
  log: Logger;
  /** How long a caller waits on the line. */
  syncTimeoutMs: number;
};

/** The way of a caller who asks for nothing special: the images, or the error, on the line that asked. */
export function createAnswerWhenEnded(options: AnswerWhenEndedOptions): WaitMode {
  const { queue, joinGeneration, sendImages, abandoner, drain, log, syncTimeoutMs } = options;

  return async ({ request, reply, submission }) => {
    const limit = limitWait({ response: reply.raw, timeoutMs: syncTimeoutMs, drain });
    try {
      const joined = await joinGeneration({ request, reply, submission });
      const { id, lane } = joined;
      const ended = await waitForEnding({ queue, joined, interrupted: limit.interrupted, log });
      switch (ended) {
        case "disconnect":
          abandoner.abandon(id, lane);
          return reply.hijack();
        case "shutdown":
          throw await shutdownError(id, lane);
        case "timeout":
          // The caller is told that it goes on, so nobody else's leaving may cancel it.
          await queue.store.keep(id).catch((error: unknown) => {
            log.warn({ generationId: id, err: error }, "Redis is away: a generation may be canceled after its 504");
          });
          throw new ApiError(
            "timeout_error",
            `The images were not ready within ${syncTimeoutMs / 1_000} s. The generation goes on; its id is ${id}.`,
          );
        default:
          return await sendEnding(reply, ended, sendImages);
      }
    } finally {
      limit.release();
    }
  };

  /** A generation that nobody has begun is canceled, and may be sent again; one that runs goes on, and sent again would be bought twice. */
  async function shutdownError(id: string, lane: string): Promise<ApiError> {
    const verdict = await abandoner.abandonNow(id, lane).catch(() => "kept" as const);
    if (verdict === "canceled") {
      const message = "This server is shutting down, and the request was not begun. Send it again.";
      return new ApiError("overloaded", message, { retryAfterMs: 1_000 });
    }
    const message = `This server is shutting down. The generation goes on; its id is ${id}.`;
    return new ApiError("overloaded", message, { retryable: false });
  }
}
