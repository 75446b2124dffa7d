import { Readable } from "node:stream";
import type { Logger } from "@darkroom/runtime";
import type { Tracer } from "@darkroom/tracing";
import type { GenerationRecord } from "@darkroom/generations";
import type { FastifyRequest } from "fastify";
import pTimeout from "p-timeout";
import type { Drain } from "../drain.ts";
import type { ImagesBody } from "../generation/images-body.ts";
import { type InterruptionError, type Interruption, limitWait, waitForEnding } from "../generation/wait-for-ending.ts";
import type { Joined, SubmitOrAttach } from "../generation/submit-or-attach.ts";
import { endingBody, sendEnding } from "../generation/send-ending.ts";
import { noteError, toApiError } from "../http/answer-error.ts";
import { heartbeatEveryMs } from "../http/event-stream.ts";
import type { Heartbeats } from "../http/sse-heartbeat.ts";
import type { HeldRequests } from "../limits/held-requests.ts";
import type { Queue } from "../open-queue.ts";
import type { WaitMode } from "./answer-when-ended.ts";

export type AnswerKeptAliveOptions = {
  queue: Pick<Queue, "generations" | "waits">;
  submitOrAttach: SubmitOrAttach;
  imagesBody: ImagesBody;
  interruptionError: InterruptionError;
  drain: Drain;
  heldRequests: HeldRequests;
  heartbeats: Heartbeats;
  tracer?: Tracer | undefined;
  log: Logger;
  /** How long a caller waits on the line. */
  syncTimeoutMs: number;
};

type Ended = GenerationRecord | "gone" | Interruption;
type Follow = { request: FastifyRequest; joined: Joined; waiting: Promise<Ended> };

const isInterruption = (ended: Exclude<Ended, "disconnect">): ended is "timeout" | "shutdown" | "stopped" =>
  typeof ended === "string" && ended !== "gone";

/** JSON may begin with any number of them (RFC 8259 §2). */
const blank = " ";

/** What makes proxies pass the blanks on as they come (`x-accel-buffering` is nginx's own). */
const keptAliveHeaders = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

/**
 * The way of a caller behind a proxy with a short read timeout, who asks for no events: the answer begins before there is any, and
 * blanks come until there is one. The status is out by then, so that an error stands in the body of a 200. What ends before the first
 * blank is due is answered as ever.
 */
export function createAnswerKeptAlive(options: AnswerKeptAliveOptions): WaitMode {
  const {
    queue,
    submitOrAttach,
    imagesBody,
    interruptionError,
    drain,
    heldRequests,
    heartbeats,
    log,
    syncTimeoutMs,
    tracer,
  } = options;

  return async (call) => {
    const { request, reply, preference } = call;
    const limit = limitWait({ response: reply.raw, timeoutMs: syncTimeoutMs, drain, heldRequests, kind: "sync" });
    let joined: Joined;
    try {
      joined = await submitOrAttach(call);
    } catch (error) {
      limit.release();
      throw error;
    }
    const waiting = waitForEnding({ queue, joined, interrupted: limit.interrupted, tracer, log }).finally(() =>
      limit.release(),
    );
    if (preference.keepAlive) reply.header("preference-applied", "keep-alive");
    const ended = await pTimeout(waiting, { milliseconds: heartbeatEveryMs, fallback: () => undefined });
    if (ended === undefined) {
      const body = keptAlive({ request, joined, waiting });
      return reply.headers(keptAliveHeaders).send(Readable.from(body, { objectMode: false }));
    }
    if (ended === "disconnect") return reply.hijack();
    if (isInterruption(ended)) throw await interruptionError(ended, joined);
    return sendEnding(reply, ended, joined.answer, imagesBody);
  };

  /** Blanks, and then the images or the error. */
  async function* keptAlive(follow: Follow): AsyncGenerator<string | Buffer> {
    // So that the head of the answer goes out.
    yield blank;
    const alive = heartbeats.begin(blank);
    const opening = bodyOf(follow);
    let body: object | undefined;
    try {
      body = yield* alive.until(opening);
    } finally {
      // The caller has left while it was opened.
      if (body === undefined) void opening.then((late) => late instanceof Readable && late.destroy());
    }
    if (body instanceof Readable) yield* body as AsyncIterable<Buffer>;
    else yield JSON.stringify(body);
  }

  async function bodyOf({ request, joined, waiting }: Follow): Promise<object> {
    try {
      const ended = await waiting;
      // The result is not read.
      if (ended === "disconnect") return {};
      if (isInterruption(ended)) throw await interruptionError(ended, joined);
      return await endingBody(ended, joined.answer, imagesBody);
    } catch (thrown) {
      const error = toApiError(thrown);
      noteError(error, request, log);
      return { error: error.toObject() };
    }
  }
}
