import type { Readable } from "node:stream";

/** Room for any polite answer. Beyond it the connection is cut. */
const maxBytes = 64 * 1024;
/** The status is known by now, so this much patience is only for the receiver's sake: it sees its answer taken. */
const maxMs = 1000;

/** Reads an answer's body away, at most 64 KiB and one second of it, keeping nothing; then the connection is dropped. Never throws. */
export async function discardBody(body: Readable): Promise<void> {
  let bytes = 0;
  body.on("error", () => undefined);
  const timer = setTimeout(() => body.destroy(), maxMs);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes >= maxBytes) break;
    }
  } catch {
    // Cut by us or by the receiver: either way there is no more to read.
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}
