import { type Readable, pipeline, Transform } from "node:stream";

/**
 * Passes a stream on, and fails it when it turns out to have more or fewer bytes than `size`: a server would wait for bytes that never come,
 * or keep an object that is cut short. Without a size it is the stream itself. When either stream is destroyed, so is the other.
 */
export function ofSize(body: Readable, size: number | undefined): Readable {
  if (size === undefined) return body;
  let seen = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > size) done(new Error(`The stream has more than the ${size} bytes that it was said to have.`));
      else done(null, chunk);
    },
    flush(done) {
      done(seen < size ? new Error(`The stream ended after ${seen} of ${size} bytes.`) : null);
    },
  });
  // Its reader learns of a failure from the stream itself.
  pipeline(body, counted, () => {});
  return counted;
}
