import type { Readable } from "node:stream";
import { decompressed } from "./decompress.ts";

/** An answer that is longer than anybody allowed. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
  readonly code = "BODY_TOO_LARGE";
}

export type ReadBodyOptions = {
  maxBytes: number;
  /** The `Content-Encoding`, where there is one. */
  encoding: string | undefined;
};

/**
 * The chunks of a body as its sender wrote them, before anybody compressed them. The connection is dropped and `BodyTooLargeError` thrown
 * beyond `maxBytes` of what comes in, and beyond `maxBytes` of what that unpacks to.
 */
export function readChunks(body: Readable, { maxBytes, encoding }: ReadBodyOptions): AsyncGenerator<Buffer> {
  return limited(decompressed(limited(body as AsyncIterable<Buffer>, maxBytes), encoding), maxBytes);
}

async function* limited(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    // Leaving the loop destroys the body, and with it the socket.
    if (size > maxBytes) throw new BodyTooLargeError(`The answer is larger than ${maxBytes} bytes.`);
    yield chunk;
  }
}
