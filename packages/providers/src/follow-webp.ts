import { arrivalOf, type ArrivingBytes } from "./arriving-bytes.ts";
import { type Keep, outlineOf, type Structure, type StructuredFormat } from "./follow-structure.ts";
import { BrokenStructureError, type ImageOutline } from "./image-outline.ts";

/** Of the flags of a `VP8X` chunk: a profile, EXIF and XMP are in the file. */
const sideDataFlags = 0x20 | 0x08 | 0x04;
const pixelChunks = new Set(["VP8X", "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF"]);
/** "RIFF", the length, "WEBP". */
const riffBytes = 12;
/** Type and length before the content of a chunk. */
const chunkHeadBytes = 8;
/** Of the content of a chunk, as many bytes as say what its sides are. */
const sidesBytes = 10;
/** No WebP is shorter: the first chunk and its sides. */
const headBytes = riffBytes + chunkHeadBytes + sidesBytes;

type Sides = { width: number; height: number };

export const isWebp = (bytes: Buffer): boolean =>
  bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP";

export const webp: StructuredFormat = { name: "webp", walk };

/** Follows a WebP of which all bytes are there, and makes a WebP of the chunks that a decoder needs. Throws as `webp.walk` does. */
export function readWebp(bytes: Buffer): ImageOutline {
  const { essential, ...outline } = outlineOf(bytes, webp);
  return { ...outline, essential: asWebp(essential) };
}

/**
 * Walks through the chunks of a WebP and counts its frames. What is not an image, such as a profile, EXIF or C2PA, is not kept.
 * The format: https://developers.google.com/speed/webp/docs/riff_container
 * @throws {BrokenStructureError} for a file that ends before its RIFF header says, and one that does not begin with an image
 */
function* walk(bytes: ArrivingBytes, keep: Keep): Generator<void, Structure, void> {
  const head = yield* arrivalOf(bytes, headBytes);
  if (head === undefined) throw endsAfter(bytes.arrived);
  const size = head.readUInt32LE(4) + 8;
  if (size < headBytes) throw new BrokenStructureError(`its header says that it has ${size} bytes`);
  const sides = sidesOf(head.subarray(riffBytes));
  if (sides === undefined) throw new BrokenStructureError("it does not begin with an image");
  bytes.pass(riffBytes);
  let frames = 0;
  let isCut = false;
  /** The sides that its only picture says of itself. */
  let picture: Sides | undefined;
  while (bytes.at + chunkHeadBytes <= size) {
    const { at } = bytes;
    const wanted = Math.min(chunkHeadBytes + sidesBytes, size - at);
    const chunk = bytes.left >= wanted ? bytes.next(wanted) : yield* arrivalOf(bytes, wanted);
    if (chunk === undefined) throw endsAfter(bytes.arrived);
    const type = chunk.toString("latin1", 0, 4);
    const length = chunk.readUInt32LE(4);
    isCut ||= at + chunkHeadBytes + length > size;
    // Chunks of odd length have a byte behind them, which some writers leave out at the end.
    const end = Math.min(at + chunkHeadBytes + length + (length % 2), size);
    if (type === "ANMF") frames++;
    if (isPicture(chunk)) picture ??= sidesOf(chunk);
    if (pixelChunks.has(type)) keep(at, end);
    bytes.pass(end - at);
  }
  while (bytes.arrived < size) {
    if (bytes.isOver) throw endsAfter(bytes.arrived);
    yield;
  }
  // Whether the frames of an animation fit is left to a decoder.
  const isWhole = !isCut && frames === 0 && picture?.width === sides.width && picture.height === sides.height;
  return { ...sides, frames: Math.max(1, frames), scans: 1, heldBytes: 0, length: size, isWhole };
}

/** Whether a chunk is a picture by its type and its mark: a key frame of VP8 (RFC 6386 §9.1), or a stream of VP8L. */
function isPicture(chunk: Buffer): boolean {
  const type = chunk.toString("latin1", 0, 4);
  if (chunk.length < chunkHeadBytes + sidesBytes) return false;
  if (type === "VP8L") return chunk.readUInt8(8) === 0x2f;
  return type === "VP8 " && (chunk.readUInt8(8) & 1) === 0 && chunk.readUIntBE(11, 3) === 0x9d_01_2a;
}

/** The sides that a chunk says: an image of either kind, or the extended header. Undefined for another one. */
function sidesOf(chunk: Buffer): Sides | undefined {
  switch (chunk.toString("latin1", 0, 4)) {
    case "VP8X":
      return { width: chunk.readUIntLE(12, 3) + 1, height: chunk.readUIntLE(15, 3) + 1 };
    case "VP8L": {
      const packed = chunk.readUInt32LE(9);
      return { width: (packed & 0x3f_ff) + 1, height: ((packed >>> 14) & 0x3f_ff) + 1 };
    }
    case "VP8 ":
      return { width: chunk.readUInt16LE(14) & 0x3f_ff, height: chunk.readUInt16LE(16) & 0x3f_ff };
    default:
      return undefined;
  }
}

function asWebp(chunks: Uint8Array): Buffer {
  const file = Buffer.concat([Buffer.from("RIFF\0\0\0\0WEBP", "latin1"), chunks]);
  file.writeUInt32LE(file.length - 8, 4);
  const flagsAt = riffBytes + chunkHeadBytes;
  if (file.toString("latin1", riffBytes, riffBytes + 4) === "VP8X")
    file.writeUInt8(file.readUInt8(flagsAt) & ~sideDataFlags, flagsAt);
  return file;
}

const endsAfter = (count: number) => new BrokenStructureError(`it ends after ${count} bytes`);
