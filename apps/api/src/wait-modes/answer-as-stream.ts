import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { ApiError, isEnding } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import { noTracer, type Span, type Tracer } from "@darkroom/tracing";
import { type GenerationRecord, type PartialImage, endingError, lostError } from "@darkroom/generations";
import type { FastifyRequest } from "fastify";
import type { Drain } from "../drain.ts";
import type { ImageEvents } from "../generation/image-events.ts";
import { type InterruptionError, type Interruption, limitWait, waiting } from "../generation/wait-for-ending.ts";
import type { Joined, SubmitOrAttach } from "../generation/submit-or-attach.ts";
import { leaveUnread } from "../generation/send-ending.ts";
import { type GenerationWatch, wakeOnChange } from "../generation/watch-generation.ts";
import { noteError } from "../http/answer-error.ts";
import { eventStreamHeaders, heartbeat } from "../http/event-stream.ts";
import type { Heartbeats, SseHeartbeat } from "../http/sse-heartbeat.ts";
import type { HeldRequests } from "../limits/held-requests.ts";
import type { Queue } from "../open-queue.ts";
import type { WaitMode } from "./answer-when-ended.ts";

export type AnswerAsStreamOptions = {
  queue: Pick<Queue, "generations" | "waits">;
  submitOrAttach: SubmitOrAttach;
  imageEvents: ImageEvents;
  interruptionError: InterruptionError;
  drain: Drain;
  heldRequests: HeldRequests;
  heartbeats: Heartbeats;
  tracer?: Tracer | undefined;
  log: Logger;
  /** How long a caller waits on the line. */
  syncTimeoutMs: number;
};

/** The pause after the record could not be read, in milliseconds. Nothing else wakes a stream whose next message came meanwhile. */
const lookAgainMs = 2_000;

type Follow = {
  request: FastifyRequest;
  joined: Joined;
  watch: GenerationWatch;
  interrupted: Promise<Interruption>;
  alive: SseHeartbeat;
  /** That of the wait. */
  span: Span;
};

/**
 * Answers a request with `stream`: the answer begins once the generation is accepted, and its events come as they happen.
 * An error from there on is an event, too. A caller that attaches late gets all earlier events first.
 */
export function createAnswerAsStream(options: AnswerAsStreamOptions): WaitMode {
  const { queue, submitOrAttach, imageEvents, interruptionError, drain, heldRequests, heartbeats, log, syncTimeoutMs } =
    options;
  const { tracer = noTracer } = options;
  const { generations } = queue;

  return async (call) => {
    const { request, reply } = call;
    const limit = limitWait({ response: reply.raw, timeoutMs: syncTimeoutMs, drain, heldRequests, kind: "stream" });
    let close = () => limit.release();
    try {
      const joined = await submitOrAttach(call, { watch: true });
      const watch = wakeOnChange(queue, joined.id);
      close = () => {
        limit.release();
        watch.close();
        joined.wait.leave();
      };
      const { interrupted } = limit;
      const span = tracer.start(waiting(joined));
      const follow: Follow = { request, joined, watch, interrupted, alive: heartbeats.begin(), span };
      const stream = Readable.from(events(follow), { objectMode: false });
      stream.once("close", close);
      // The status is sent, so the answer can only be broken off, which Fastify does, and logged.
      stream.once("error", (error) =>
        log.error({ generationId: joined.id, err: error }, "A stream broke off: an image could not be read"),
      );
      return reply.headers(eventStreamHeaders).send(stream);
    } catch (error) {
      close();
      throw error;
    }
  };

  async function* events(follow: Follow): AsyncGenerator<string> {
    // So that the head of the answer goes out though there may be nothing to tell yet.
    yield heartbeat;
    const { span } = follow;
    try {
      const ended = yield* untilEnded(follow);
      span.set({ "darkroom.outcome": typeof ended === "string" ? ended : ended.status });
      span.end();
      if (ended === "disconnect") return;
      if (ended.status !== "succeeded") throw endingError(ended);
      yield* completed(ended, follow);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      noteError(error, follow.request, log);
      yield `event: error\ndata: ${JSON.stringify({ error: error.toObject() })}\n\n`;
    } finally {
      // A second end of a span does nothing.
      span.end();
    }
  }

  async function* completed(record: GenerationRecord, { alive, joined }: Follow): AsyncGenerator<string> {
    try {
      yield* imageEvents.completed(record, alive);
    } catch (error) {
      await leaveUnread(joined.answer, error);
      throw error;
    }
  }

  /** Shows partial images as they come, until the generation has ended. Throws `ApiError` where that is not waited for. */
  async function* untilEnded(follow: Follow): AsyncGenerator<string, GenerationRecord | "disconnect", void> {
    const { joined, watch, interrupted, alive } = follow;
    const shown = new Set<string>();
    let listed = 0;
    for (;;) {
      const { record, partials } = await look(joined.id, listed);
      listed += partials.length;
      for (const partial of partials) {
        // An attempt that follows a broken one draws them again.
        const version = `${partial.index}-${partial.partialIndex}`;
        if (record && !shown.has(version)) yield* imageEvents.partial(record, partial, alive);
        shown.add(version);
      }
      if (record === null) throw lostError();
      if (record && isEnding(record.status)) return record;

      const again = record === undefined ? [pause(lookAgainMs, undefined, { ref: false })] : [];
      const interruption = yield* alive.until(Promise.race([watch.changed(), interrupted, ...again]));
      if (interruption === "disconnect") return interruption;
      if (interruption !== undefined) {
        throw await interruptionError(interruption, joined);
      }
    }
  }

  /** The record and what is new in its list of partial images, in this order: when it has ended, nothing is missed. */
  async function look(
    id: string,
    from: number,
  ): Promise<{ record: GenerationRecord | null | undefined; partials: PartialImage[] }> {
    try {
      const record = await generations.read(id);
      const wanted = record?.request.partial_images ?? 0;
      return { record, partials: wanted > 0 ? await generations.readPartials(id, from) : [] };
    } catch (error) {
      // Redis is away, or refuses.
      log.warn({ generationId: id, err: error }, "The record of a streamed generation cannot be read yet");
      return { record: undefined, partials: [] };
    }
  }
}
