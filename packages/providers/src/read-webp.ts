import { BrokenStructureError, createExcerpt, type ImageOutline } from "./image-outline.ts";

/** Of the flags of a `VP8X` chunk: a profile, EXIF and XMP are in the file. */
const sideDataFlags = 0x20 | 0x08 | 0x04;
const pixelChunks = new Set(["VP8X", "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF"]);

export const isWebp = (bytes: Buffer): boolean =>
  bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP";

/**
 * Walks through the chunks of a WebP and counts its frames. What is not an image, such as a profile, EXIF or C2PA, is left out of `essential`.
 * The format: https://developers.google.com/speed/webp/docs/riff_container
 * @throws {BrokenStructureError} for a file that ends before its RIFF header says, and one that does not begin with an image
 */
export function readWebp(bytes: Buffer): ImageOutline {
  const size = bytes.length < 30 ? 0 : bytes.readUInt32LE(4) + 8;
  if (size < 30 || size > bytes.length) throw new BrokenStructureError(`it ends after ${bytes.length} bytes`);
  const sides = sidesOf(bytes);
  const excerpt = createExcerpt(bytes);
  let frames = 0;
  for (let at = 12; at + 8 <= size;) {
    const type = bytes.toString("latin1", at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    // Chunks of odd length have a byte behind them, which some writers leave out at the end.
    const end = Math.min(at + 8 + length + (length % 2), size);
    if (type === "ANMF") frames++;
    if (pixelChunks.has(type)) excerpt.keep(at, end);
    at = end;
  }
  return {
    ...sides,
    frames: Math.max(1, frames),
    scans: 1,
    heldBytes: 0,
    length: size,
    essential: asWebp(excerpt.bytes()),
  };
}

/** The sides, from whichever chunk is the first: an image of either kind, or the extended header. */
function sidesOf(bytes: Buffer): { width: number; height: number } {
  switch (bytes.toString("latin1", 12, 16)) {
    case "VP8X":
      return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
    case "VP8L": {
      const packed = bytes.readUInt32LE(21);
      return { width: (packed & 0x3f_ff) + 1, height: ((packed >>> 14) & 0x3f_ff) + 1 };
    }
    case "VP8 ":
      return { width: bytes.readUInt16LE(26) & 0x3f_ff, height: bytes.readUInt16LE(28) & 0x3f_ff };
    default:
      throw new BrokenStructureError("it does not begin with an image");
  }
}

function asWebp(chunks: Buffer): Buffer {
  const header = Buffer.from("RIFF\0\0\0\0WEBP", "latin1");
  header.writeUInt32LE(4 + chunks.length, 4);
  if (chunks.toString("latin1", 0, 4) === "VP8X") chunks[8] = (chunks[8] ?? 0) & ~sideDataFlags;
  return Buffer.concat([header, chunks]);
}
