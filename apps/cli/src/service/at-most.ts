/**
 * Passes bytes on up to a number of them, for a pipeline: what a server sends beyond that never reaches the disk or the memory.
 * @param excess makes the error that is thrown at the first byte too many
 */
export function atMost(bytes: number, excess: () => Error) {
  return async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let left = bytes;
    for await (const chunk of source) {
      left -= chunk.byteLength;
      if (left < 0) throw excess();
      yield chunk;
    }
  };
}
