import { Readable } from "node:stream";
import type { Generation } from "@darkroom/contracts";
import type { FastifyReply } from "fastify";
import { generationHeaders } from "./send-generation.ts";

/**
 * Answers with a succeeded generation whose response is a stream (`base64Response`), so that its images are never in memory. The
 * response is the last field, for it is the one that takes its time.
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
  // A stream that is given up before it is begun never comes to the response.
  stream.once("close", () => response.destroy());
  return reply.headers(generationHeaders(generation, nowMs)).type("application/json; charset=utf-8").send(stream);
}
