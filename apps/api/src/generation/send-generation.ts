import { Readable } from "node:stream";
import type { Keyring } from "@darkroom/accounts";
import { type Generation, isEnding } from "@darkroom/contracts";
import type { FastifyReply } from "fastify";

/**
 * The headers of an answer with a generation: no cache may keep it, and `Retry-After` says when to poll again. `nowMs` is by the clock of
 * Redis, like the estimated start.
 */
function generationHeaders(generation: Generation, nowMs: number): Record<string, string> {
  const pollAfter = pollAfterSeconds(generation, nowMs);
  return {
    "cache-control": "no-store",
    "x-generation-id": generation.id,
    ...(generation.cost !== null && { "x-generation-cost": String(generation.cost) }),
    ...(pollAfter !== null && { "retry-after": String(pollAfter) }),
  };
}

/** Answers with the current state of a generation. */
export const sendGeneration = (reply: FastifyReply, generation: Generation, nowMs: number): FastifyReply =>
  reply.headers(generationHeaders(generation, nowMs)).send(generation);

export type SendAcceptedOptions = { publicBaseUrl: string | undefined; keyring: Pick<Keyring, "nowMs"> };

/**
 * Returns the function that answers 202 with the location of the accepted generation. `publicBaseUrl`: where callers reach this service;
 * behind a proxy it may have a path, which our routes do not know.
 */
export function createSendAccepted({ publicBaseUrl, keyring }: SendAcceptedOptions) {
  const base = publicBaseUrl === undefined ? "" : new URL(publicBaseUrl).pathname.replace(/\/+$/, "");
  return (reply: FastifyReply, generation: Generation): FastifyReply =>
    sendGeneration(
      reply.code(202).header("location", `${base}/v1/generations/${generation.id}`),
      generation,
      keyring.nowMs(),
    );
}

export type SendAccepted = ReturnType<typeof createSendAccepted>;

/** No provider is faster than this, so an earlier poll is useless. */
const leastSeconds = 2;
/** The line can suddenly become short when workers are added or others cancel. */
const mostSeconds = 30;

/** After how many seconds to poll a generation again, for `Retry-After`; null where it has ended. */
export function pollAfterSeconds({ status, queue }: Generation, nowMs: number): number | null {
  if (isEnding(status)) return null;
  const startAt = queue?.estimated_start_at ?? 0;
  return Math.min(Math.max(Math.ceil(startAt - nowMs / 1_000), leastSeconds), mostSeconds);
}

const json = "application/json; charset=utf-8";

/**
 * Answers a HEAD with the headers that a GET for base64 has. Fastify would read the whole stream for it, which is all images, and forget them.
 * The empty stream is not read and has no length, as the answer to the GET has none.
 */
export const sendGenerationHead = (reply: FastifyReply, generation: Generation, nowMs: number): FastifyReply =>
  reply.headers(generationHeaders(generation, nowMs)).type(json).send(Readable.from([]));

/**
 * Answers with a succeeded generation whose response is a stream (`base64Response`), so that its images are never in memory. The response is
 * the last field, because it takes the longest.
 */
export function sendGenerationBase64(
  reply: FastifyReply,
  generation: Generation,
  response: Readable,
  nowMs: number,
): FastifyReply {
  const { response: _links, ...rest } = generation;

  async function* body(): AsyncGenerator<string | Buffer> {
    yield `${JSON.stringify(rest).slice(0, -1)},"response":`;
    yield* response as AsyncIterable<Buffer>;
    yield "}";
  }

  const stream = Readable.from(body(), { objectMode: false });
  // A stream that is destroyed before it is read never reaches the response.
  stream.once("close", () => response.destroy());
  return reply.headers(generationHeaders(generation, nowMs)).type(json).send(stream);
}
