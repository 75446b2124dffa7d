const KiB = 1024;

/**
 * Bytes are gathered to this size before they are written. An object that is no longer gets no file: to make one takes longer than to write so
 * little, and 640 of them at once, as 64 calls for ten images each can bring, are 80 MiB.
 */
export const pieceBytes = 128 * KiB;

/** As many as have a file open at a time in a worker that is busy: 8 MiB. */
const leastSpare = 64;

/**
 * Pieces to gather bytes in, which are used again. Garbage of megabytes is what starts the collection of garbage: buffers that are thrown away cost a
 * worker several times the time in which they are copied. Some of them may stay in memory with their bytes.
 */
export function createPieces({ maxKeptBytes }: { maxKeptBytes: number }) {
  const maxKept = Math.floor(maxKeptBytes / pieceBytes);
  const maxSpare = Math.max(leastSpare, maxKept);
  const spare: Buffer[] = [];
  let kept = 0;
  return {
    take: (): Buffer => spare.pop() ?? Buffer.allocUnsafeSlow(pieceBytes),
    /** Only for a piece that nothing reads or writes any more. `bytes`: the piece, or its beginning. */
    give(bytes: Buffer): void {
      if (bytes.buffer.byteLength === pieceBytes && spare.length < maxSpare) spare.push(Buffer.from(bytes.buffer));
    },
    /** Counts one more piece that stays in memory; false where there is no room for it. */
    keepOne(): boolean {
      if (kept >= maxKept) return false;
      kept++;
      return true;
    },
    keptNoMore(count: number): void {
      kept -= count;
    },
    keptBytes: (): number => kept * pieceBytes,
  };
}
