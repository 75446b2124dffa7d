import { BrokenStructureError, createExcerpt, type ImageOutline } from "./image-outline.ts";

const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
const headerType = 0x49_48_44_52;
const transparencyType = 0x74_52_4e_53;
const dataType = 0x49_44_41_54;
/** Of the first letter of a type: the chunk may be left out (https://www.w3.org/TR/png-3/#5Chunk-naming-conventions). */
const ancillary = 0x20;

export const isPng = (bytes: Buffer): boolean => bytes.subarray(0, 8).equals(signature);

/**
 * Reads the header of a PNG and walks through its chunks up to its pixels. Text chunks and a profile may be compressed by a factor of a
 * thousand, and libpng unpacks them when it opens a file, so no ancillary chunk but the transparency is left in `essential`.
 * @throws {BrokenStructureError} for a file without a header or without pixels
 */
export function readPng(bytes: Buffer): ImageOutline {
  if (bytes.length < 33 || bytes.readUInt32BE(12) !== headerType) throw new BrokenStructureError("it has no header");
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const [bitDepth, isInterlaced] = [bytes.readUInt8(24), bytes.readUInt8(28) !== 0];
  const excerpt = createExcerpt(bytes);
  excerpt.keep(0, 8);
  for (let at = 8; at + 8 <= bytes.length;) {
    const type = bytes.readUInt32BE(at + 4);
    if (type === dataType) {
      // The pixels are in one run of chunks, and a decoder reads no further.
      excerpt.keep(at, bytes.length);
      // Only of an interlaced image a decoder holds every pixel: up to four samples of one or two bytes.
      const heldBytes = isInterlaced ? width * height * (bitDepth === 16 ? 8 : 4) : 0;
      return { width, height, frames: 1, scans: 1, heldBytes, essential: excerpt.bytes() };
    }
    const end = at + 12 + bytes.readUInt32BE(at);
    const isCritical = (bytes.readUInt8(at + 4) & ancillary) === 0;
    if (isCritical || type === transparencyType) excerpt.keep(at, Math.min(end, bytes.length));
    at = end;
  }
  throw new BrokenStructureError("it ends before its pixels");
}
