import type { ServerResponse } from "node:http";
import { isEnding, ApiError } from "@darkroom/contracts";
import { createEventLoopTurns, type Logger } from "@darkroom/runtime";
import { noTracer, type SpanOptions, type Tracer } from "@darkroom/tracing";
import type { GenerationRecord } from "@darkroom/generations";
import type { Queue } from "../open-queue.ts";
import type { Joined } from "./submit-or-attach.ts";
import type { Drain } from "../drain.ts";
import { type HeldRequests, keyStopped, type WaitKind } from "../limits/held-requests.ts";

export type WaitForEndingOptions = {
  queue: Pick<Queue, "generations" | "waits">;
  joined: Joined;
  interrupted: Promise<Interruption>;
  tracer?: Tracer | undefined;
  log: Logger;
};

/**
 * Waits until a generation has ended, its record is gone, or the wait is interrupted, and leaves the wait. A Redis that is away only
 * makes it longer.
 */
export function waitForEnding(options: WaitForEndingOptions): Promise<GenerationRecord | "gone" | Interruption> {
  const { tracer = noTracer, joined } = options;
  return tracer.within(waiting(joined), async (span) => {
    const ended = await untilEnded(options);
    span.set({ "darkroom.outcome": typeof ended === "string" ? ended : ended.status });
    return ended;
  });
}

/** The span of a wait. */
export const waiting = ({ id }: Pick<Joined, "id">): SpanOptions => ({
  name: "wait for ending",
  attributes: { "darkroom.generation.id": id },
  logFields: { generationId: id },
});

async function untilEnded(options: WaitForEndingOptions): Promise<GenerationRecord | "gone" | Interruption> {
  const { joined, interrupted, log } = options;
  const { generations, waits } = options.queue;
  const { id, found } = joined;
  let { wait } = joined;
  try {
    if (found === null) return "gone";
    if (found !== undefined && isEnding(found.status)) return found;
    for (;;) {
      const news = await Promise.race([wait.ended, interrupted]);
      if (typeof news === "string") return news;
      // The message may be of an ending before an earlier generation was queued again.
      if (news !== undefined && news.version > (found?.version ?? 0)) return news;

      // The next wait begins before the record is read. It is needed where the record could not be read because Redis is away, or
      // where the wake-up came before the submission: the waits are woken again once Redis and the record say so.
      const over = wait;
      wait = waits.wait(id);
      over.leave();
      try {
        const record = await generations.read(id);
        if (record === null) return "gone";
        if (isEnding(record.status)) return record;
      } catch (error) {
        log.warn({ generationId: id, err: error }, "The record of an ended generation cannot be read yet");
      }
    }
  } finally {
    wait.leave();
  }
}

/** Why a wait ended before its generation: it timed out, the client disconnected, this process stops, or the caller's key is not in force. */
export type Interruption = "timeout" | "disconnect" | "shutdown" | "stopped";

type LimitWaitOptions = {
  response: ServerResponse;
  /** Absent: no timeout. */
  timeoutMs?: number;
  drain: Drain;
  heldRequests: Pick<HeldRequests, "onStopped" | "beginWait">;
  /** As what the wait is counted. */
  kind: WaitKind;
};

/** Waits that began together time out together. Each is answered then. */
const timeouts = createEventLoopTurns();

/** Watches for events that interrupt a wait. Call `release` once, when the wait is over. */
export function limitWait({ response, timeoutMs, drain, heldRequests, kind }: LimitWaitOptions) {
  const { promise: interrupted, resolve } = Promise.withResolvers<Interruption>();
  // An unanswered response closes only because its connection has closed.
  const onClose = () => resolve("disconnect");
  if (response.destroyed) onClose();
  else response.once("close", onClose);
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => timeouts.take(() => resolve("timeout")), timeoutMs);
  const forget = drain.onDismiss(() => resolve("shutdown"));
  const forgetKey = heldRequests.onStopped(response, () => resolve("stopped"));
  const endWait = heldRequests.beginWait(kind);

  return {
    interrupted,
    release(): void {
      response.off("close", onClose);
      clearTimeout(timer);
      forget();
      forgetKey();
      endWait();
    },
  };
}

/** The parts of a call's generation that it needs. */
type Interrupted = Pick<Joined, "id" | "answer">;

/** Returns the function that ends a wait before its generation: it reports how the caller leaves, and answers the error for it. */
export function createInterruptionError({ syncTimeoutMs }: { syncTimeoutMs: number }) {
  return async (why: Exclude<Interruption, "disconnect">, { id, answer }: Interrupted): Promise<ApiError> => {
    if (why === "timeout") {
      await answer.leave("later");
      return new ApiError(
        "timeout_error",
        `The images were not ready within ${syncTimeoutMs / 1_000} s. The generation goes on; its id is ${id}.`,
      );
    }
    if (why === "stopped") {
      // A queued generation may go on when the key is enabled again, and a running one may be paid for.
      await answer.leave("later");
      return keyStopped(id);
    }
    // A queued generation is canceled, and the same request creates another. If it goes on, the same request finds it.
    if ((await answer.leave("again")) === "canceled") {
      const message = "This server is shutting down, and the request was not begun. Send it again.";
      return new ApiError("overloaded", message, { retryAfterMs: 1_000 });
    }
    const message = `This server is shutting down. Send the request again to keep waiting for ${id}.`;
    return new ApiError("overloaded", message, { retryAfterMs: 1_000 });
  };
}

export type InterruptionError = ReturnType<typeof createInterruptionError>;
