import { arrivalOf, type ArrivingBytes } from "./arriving-bytes.ts";
import { type Keep, outlineOf, type Structure, type StructuredFormat } from "./follow-structure.ts";
import { BrokenStructureError, type ImageOutline } from "./image-outline.ts";

const imageBlock = 0x2c;
const extensionBlock = 0x21;
const trailer = 0x3b;
/** The signature and the description of the screen. */
const headBytes = 13;
/** The type of an image block, and the place of its frame. */
const placeBytes = 10;

/** Whether bytes begin as a GIF does. */
export const isGif = (bytes: Buffer): boolean => /^GIF8[79]a/.test(bytes.toString("latin1", 0, 6));

/** Follows a GIF of which all bytes are there. Throws as `gif.walk` does. */
export const readGif = (bytes: Buffer): ImageOutline => outlineOf(bytes, gif);

export const gif: StructuredFormat = { name: "gif", walk };

/**
 * Walks through the blocks of a GIF, from its signature to its trailer, and counts its frames.
 * The format: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
 * @throws {BrokenStructureError} for bytes that end before the trailer, blocks that no GIF has, sides of 0, and a GIF without a frame
 */
function* walk(bytes: ArrivingBytes, keep: Keep): Generator<void, Structure, void> {
  const head = yield* arrivalOf(bytes, headBytes);
  if (head === undefined || !isGif(head)) {
    const begun = bytes.next(bytes.left);
    throw isGif(begun) ? endsWithin(1) : new BrokenStructureError("it has no signature");
  }
  const [width, height] = [head.readUInt16LE(6), head.readUInt16LE(8)];
  if (width === 0 || height === 0) throw new BrokenStructureError(`its sides are ${width}x${height}`);
  bytes.pass(headBytes + colorBytes(head.readUInt8(10)));
  let frames = 0;
  let isWithinScreen = true;
  for (;;) {
    const block = (yield* arrivalOf(bytes, 1))?.readUInt8(0);
    if (block === undefined) throw endsWithin(frames + 1);
    if (block === trailer) break;
    if (block === extensionBlock) {
      // Its label is the second byte.
      bytes.pass(2);
      yield* passData(bytes, frames);
    } else if (block === imageBlock) {
      const place = yield* arrivalOf(bytes, placeBytes);
      if (place === undefined) throw endsWithin(frames + 1);
      const [right, bottom] = [sumOf(place, 1, 5), sumOf(place, 3, 7)];
      isWithinScreen &&= right <= width && bottom <= height;
      // A byte that says how the data is compressed stands before it.
      bytes.pass(placeBytes + colorBytes(place.readUInt8(9)) + 1);
      if ((yield* passData(bytes, frames)) === 0) throw new BrokenStructureError(`frame ${frames + 1} has no data`);
      frames++;
    } else {
      throw new BrokenStructureError(`it has a block of the unknown type ${block} after ${frames} frames`);
    }
  }
  if (frames === 0) throw new BrokenStructureError("it has no frame");
  bytes.pass(1);
  const length = bytes.at;
  keep(0, length);
  // libnsgif holds the frame that is shown as four bytes a pixel, libvips some rows of it.
  const heldBytes = width * height * 5;
  // Of a frame beyond the screen a decoder says how large an image it makes.
  return { width, height, frames, scans: 1, heldBytes, length, isWhole: isWithinScreen };
}

/** Passes over sub-blocks up to the empty one that ends them, and answers how many bytes of data they have. */
function* passData(bytes: ArrivingBytes, framesBefore: number): Generator<void, number, void> {
  let total = 0;
  for (;;) {
    // Not `arrivalOf`: an image of 4 MB has 16,000 sub-blocks.
    while (bytes.left === 0) {
      if (bytes.isOver) throw endsWithin(framesBefore + 1);
      yield;
    }
    const length = bytes.peek(0);
    bytes.pass(1 + length);
    if (length === 0) return total;
    total += length;
  }
}

/** A color table follows where the highest bit is set; the lowest three say how long it is. */
const colorBytes = (packed: number): number => (packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0);

const sumOf = (bytes: Buffer, one: number, other: number) => bytes.readUInt16LE(one) + bytes.readUInt16LE(other);

const endsWithin = (frame: number) => new BrokenStructureError(`it ends within frame ${frame}`);
