import type { Readable } from "node:stream";

/** An answer that is longer than anybody allowed. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
  readonly code = "BODY_TOO_LARGE";
}

/** The chunks of a body; beyond `maxBytes` the connection is dropped and `BodyTooLargeError` thrown. */
export async function* readChunks(body: Readable, maxBytes: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      // Leaving the loop destroys the body, and with it the socket.
      throw new BodyTooLargeError(`The answer is larger than ${maxBytes} bytes.`);
    }
    yield chunk;
  }
}

/** Reads a body to its end, holding at most `maxBytes`. */
export async function readBody(body: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readChunks(body, maxBytes)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
