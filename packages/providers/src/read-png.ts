import { BrokenStructureError, createExcerpt, type ImageOutline } from "./image-outline.ts";

export const pngSignature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
const headerType = 0x49_48_44_52;
const transparencyType = 0x74_52_4e_53;
const dataType = 0x49_44_41_54;
const endType = 0x49_45_4e_44;
/** Of the first letter of a type: the chunk may be left out (https://www.w3.org/TR/png-3/#5Chunk-naming-conventions). */
const ancillary = 0x20;

export const isPng = (bytes: Buffer): boolean => bytes.subarray(0, pngSignature.length).equals(pngSignature);

/**
 * Reads the header of a PNG and walks through its chunks. Text chunks and a profile may be compressed by a factor of a
 * thousand, and libpng unpacks them when it opens a file, so no ancillary chunk but the transparency is left in `essential`.
 * @throws {BrokenStructureError} for a file without a header or without pixels
 */
export function readPng(bytes: Buffer): ImageOutline {
  if (bytes.length < 33 || bytes.readUInt32BE(12) !== headerType) throw new BrokenStructureError("it has no header");
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const [bitDepth, isInterlaced] = [bytes.readUInt8(24), bytes.readUInt8(28) !== 0];
  const excerpt = createExcerpt(bytes);
  excerpt.keep(0, pngSignature.length);
  for (let at = pngSignature.length; at + 8 <= bytes.length;) {
    const type = bytes.readUInt32BE(at + 4);
    if (type === dataType) {
      const length = endOf(bytes, at);
      // The pixels are in one run of chunks, and a decoder reads no further.
      excerpt.keep(at, length);
      // Only of an interlaced image a decoder holds every pixel: up to four samples of one or two bytes.
      const heldBytes = isInterlaced ? width * height * (bitDepth === 16 ? 8 : 4) : 0;
      return { width, height, frames: 1, scans: 1, heldBytes, length, essential: excerpt.bytes() };
    }
    const end = at + 12 + bytes.readUInt32BE(at);
    const isCritical = (bytes.readUInt8(at + 4) & ancillary) === 0;
    if (isCritical || type === transparencyType) excerpt.keep(at, Math.min(end, bytes.length));
    at = end;
  }
  throw new BrokenStructureError("it ends before its pixels");
}

/**
 * Where the last chunk ends, of those from `at` on. Frames of an animation and texts may follow the pixels. A decoder needs no end mark, so an
 * image without one is let through, up to where the chunks end.
 */
function endOf(bytes: Buffer, from: number): number {
  let at = from;
  while (at + 8 <= bytes.length && /^[a-z]{4}$/i.test(bytes.toString("latin1", at + 4, at + 8))) {
    const end = at + 12 + bytes.readUInt32BE(at);
    const type = bytes.readUInt32BE(at + 4);
    // A decoder finds out whether pixels that are cut short are enough. The checksum of an end mark may be missing.
    if (end > bytes.length) return type === dataType || type === endType ? bytes.length : at;
    if (type === endType) return end;
    at = end;
  }
  return at;
}
