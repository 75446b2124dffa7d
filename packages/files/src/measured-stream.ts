import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { FileUploadError } from "./file-upload-error.ts";

/**
 * Passes a stream of bytes on, counts and hashes them. Fails with `FileUploadError` beyond `maxBytes`, and where the source fails or ends
 * too early; the source is then destroyed, as it is when the new stream is.
 */
export function measuredStream(source: Readable, maxBytes: number) {
  let bytes = 0;
  const digest = createHash("sha256");
  // It may fail before it is read, when there is no listener yet. `source.errored` tells of it later.
  source.on("error", () => {});

  async function* measure(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source as AsyncIterable<Uint8Array>) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw new FileUploadError("too_large");
        digest.update(chunk);
        yield chunk;
      }
      // A stream that was destroyed before it is read looks like one that has ended.
      if (source.readableAborted) throw source.errored ?? new Error("The stream was destroyed before its end");
    } catch (cause) {
      throw cause instanceof FileUploadError ? cause : new FileUploadError("broken_off", { cause });
    }
  }

  // Not in object mode, where a pause is told by the number of chunks, whatever their size.
  const body = Readable.from(measure(), { objectMode: false });
  return {
    body,
    bytes: () => bytes,
    /** Of all bytes until now, in hexadecimal. */
    sha256: () => digest.copy().digest("hex"),
  };
}
