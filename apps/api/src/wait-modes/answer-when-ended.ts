import type { Logger } from "@darkroom/runtime";
import type { Tracer } from "@darkroom/tracing";
import type { FastifyReply } from "fastify";
import type { Drain } from "../drain.ts";
import { type InterruptionError, limitWait, waitForEnding } from "../generation/wait-for-ending.ts";
import type { SubmitOrAttach, Call } from "../generation/submit-or-attach.ts";
import { sendEnding } from "../generation/send-ending.ts";
import type { ImagesBody } from "../generation/images-body.ts";
import type { HeldRequests } from "../limits/held-requests.ts";
import type { Queue } from "../open-queue.ts";
import type { Preference } from "../http/preference.ts";

/** One way for a caller to wait: submits the generation, or finds an earlier one, and answers, at its own time. Throws `ApiError`. */
export type WaitMode = (call: Call & { preference: Preference }) => Promise<FastifyReply>;

export type AnswerWhenEndedOptions = {
  queue: Pick<Queue, "generations" | "waits">;
  submitOrAttach: SubmitOrAttach;
  imagesBody: ImagesBody;
  interruptionError: InterruptionError;
  drain: Drain;
  heldRequests: HeldRequests;
  tracer?: Tracer | undefined;
  log: Logger;
  /** How long a caller waits on the line. */
  syncTimeoutMs: number;
};

/** The way of a caller who asks for nothing special: the images, or the error, on the line that asked. */
export function createAnswerWhenEnded(options: AnswerWhenEndedOptions): WaitMode {
  const { queue, submitOrAttach, imagesBody, interruptionError, drain, heldRequests, tracer, log, syncTimeoutMs } =
    options;

  return async (call) => {
    const { reply } = call;
    const limit = limitWait({ response: reply.raw, timeoutMs: syncTimeoutMs, drain, heldRequests, kind: "sync" });
    try {
      const joined = await submitOrAttach(call);
      const ended = await waitForEnding({ queue, joined, interrupted: limit.interrupted, tracer, log });
      switch (ended) {
        case "disconnect":
          return reply.hijack();
        case "shutdown":
        case "timeout":
        case "stopped":
          throw await interruptionError(ended, joined);
        default:
          return await sendEnding(reply, ended, joined.answer, imagesBody);
      }
    } finally {
      limit.release();
    }
  };
}
