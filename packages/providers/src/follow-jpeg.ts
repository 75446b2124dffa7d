import { arrivalOf, type ArrivingBytes } from "./arriving-bytes.ts";
import { type Keep, outlineOf, type Structure, type StructuredFormat } from "./follow-structure.ts";
import { BrokenStructureError, type ImageOutline } from "./image-outline.ts";

const scanMarker = 0xda;
const endMarker = 0xd9;
/** APP2. */
const indexMarker = 0xe2;
/** A marker, the length of its segment, and the name of an index of pictures. */
const indexHeadBytes = 8;
const picturesTag = 0xb0_01;
/** As many as a camera writes: the photograph, a map of its highlights, two previews, and room for more. */
const mostPictures = 16;

export const isJpeg = (bytes: Buffer): boolean => bytes.subarray(0, 3).equals(Buffer.of(0xff, 0xd8, 0xff));

type Frame = { width: number; height: number; isProgressive: boolean; isShown: boolean; samples: number };

/** Follows a JPEG of which all bytes are there. Throws as `jpeg.walk` does. */
export const readJpeg = (bytes: Buffer): ImageOutline => outlineOf(bytes, jpeg);

export const jpeg: StructuredFormat = { name: "jpeg", walk };

/**
 * Walks through the segments of a JPEG and counts its scans. Profiles, EXIF, XMP, C2PA and comments are not kept. A file that ends too early
 * is not an error here: a decoder notices it. The further pictures of a file that has an index of them count for `length`.
 * @throws {BrokenStructureError} for a file without a frame header before its first scan
 */
function* walk(bytes: ArrivingBytes, keep: Keep): Generator<void, Structure, void> {
  const first = yield* walkPicture(bytes, keep);
  const { frame, scans, isEnded } = first;
  if (frame === undefined || scans === 0) throw new BrokenStructureError("it has no frame header before its pixels");
  let length = bytes.at;
  for (let left = first.pictures - 1; left > 0; left--) {
    yield* passZeros(bytes);
    const begin = yield* arrivalOf(bytes, 3);
    if (begin === undefined || !isJpeg(begin)) break;
    const further = yield* walkPicture(bytes, () => {});
    if (further.frame === undefined || further.scans === 0) break;
    length = bytes.at;
  }
  const { width, height, isProgressive, isShown, samples } = frame;
  // Of more scans than one, a decoder holds every coefficient: two bytes each.
  const heldBytes = isProgressive || scans > 1 ? samples * 2 : 0;
  return { width, height, frames: 1, scans, heldBytes, length, isWhole: isEnded && isShown };
}

type Picture = { frame: Frame | undefined; scans: number; pictures: number; isEnded: boolean };

/** Passes over one picture, from its first mark to the mark at its end. `pictures`: how many a file has that begins with it. */
function* walkPicture(bytes: ArrivingBytes, keep: Keep): Generator<void, Picture, void> {
  keep(bytes.at, bytes.at + 2);
  bytes.pass(2);
  const picture: Picture = { frame: undefined, scans: 0, pictures: 1, isEnded: false };
  for (;;) {
    // Not `arrivalOf`: a file may have a million segments.
    while (bytes.left < 4 && !bytes.isOver && !isMark(bytes, endMarker)) yield;
    const { at } = bytes;
    const marker = bytes.peek(1);
    if (bytes.left < 4 || bytes.peek(0) !== 0xff || marker === endMarker) {
      picture.isEnded = isMark(bytes, endMarker);
      keep(at, at + 2);
      bytes.pass(2);
      return picture;
    }
    if (marker === 0xff) {
      // A fill byte.
      bytes.pass(1);
      continue;
    }
    const segmentBytes = isAlone(marker) ? 2 : 2 + bytes.peek(2) * 256 + bytes.peek(3);
    if (isFrameHeader(marker)) picture.frame ??= frameOf(yield* arrivalOf(bytes, segmentBytes));
    if (marker === indexMarker) {
      const count = yield* picturesOf(bytes, segmentBytes);
      picture.pictures = Math.max(picture.pictures, count);
    }
    bytes.pass(segmentBytes);
    if (marker === scanMarker) {
      picture.scans++;
      yield* passScan(bytes);
    }
    if (!isSideData(marker)) keep(at, bytes.at);
  }
}

const isMark = (bytes: ArrivingBytes, marker: number): boolean =>
  bytes.left >= 2 && bytes.peek(0) === 0xff && bytes.peek(1) === marker;

/** Passes over the compressed data of a scan, up to the first marker that is no restart. */
function* passScan(bytes: ArrivingBytes): Generator<void, void, void> {
  for (;;) {
    bytes.passUpTo(0xff);
    if (bytes.left >= 2) {
      const next = bytes.peek(1);
      if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return;
      bytes.pass(next === 0xff ? 1 : 2);
    } else if (bytes.isOver) {
      bytes.pass(bytes.left);
      return;
    } else yield;
  }
}

/** Some writers leave zeros between pictures. */
function* passZeros(bytes: ArrivingBytes): Generator<void, void, void> {
  for (;;) {
    while (bytes.left > 0 && bytes.peek(0) === 0) bytes.pass(1);
    if (bytes.left > 0 || bytes.isOver) return;
    yield;
  }
}

/** How many pictures a file has by the segment that begins here, where it is an index of them. */
function* picturesOf(bytes: ArrivingBytes, segmentBytes: number): Generator<void, number, void> {
  if (segmentBytes < indexHeadBytes) return 1;
  const name = (yield* arrivalOf(bytes, indexHeadBytes))?.toString("latin1", 4);
  if (name !== "MPF\0") return 1;
  const segment = yield* arrivalOf(bytes, segmentBytes);
  return segment === undefined ? 1 : picturesOfIndex(segment.subarray(indexHeadBytes));
}

/**
 * How many pictures an index has (CIPA DC-007 §5.2). Telephones and cameras write such files: a photograph with a map of its highlights, or
 * with a preview. 1 for one that cannot be read.
 */
function picturesOfIndex(index: Buffer): number {
  if (index.length < 10) return 1;
  const isLittleEndian = index.toString("latin1", 0, 2) === "II";
  const uint16 = (at: number) => (isLittleEndian ? index.readUInt16LE(at) : index.readUInt16BE(at));
  const uint32 = (at: number) => (isLittleEndian ? index.readUInt32LE(at) : index.readUInt32BE(at));
  const fields = uint32(4);
  for (let at = fields + 2; at + 12 <= index.length; at += 12) {
    if (uint16(at) === picturesTag) return Math.min(uint32(at + 8), mostPictures);
  }
  return 1;
}

/** SOF0 to SOF15, without the markers of tables among them (DHT, JPG, DAC). */
const isFrameHeader = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** APP1 to APP15 and comments, but for Adobe's APP14: it says how the colours are stored. */
const isSideData = (marker: number): boolean =>
  (marker >= 0xe1 && marker <= 0xef && marker !== 0xee) || marker === 0xfe;

/** Markers that no length follows: TEM, RST0 to RST7, SOI. */
const isAlone = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);

/** Undefined: the file ends within the header. */
function frameOf(segment: Buffer | undefined): Frame {
  const count = segment !== undefined && segment.length > 9 ? segment.readUInt8(9) : 0;
  if (segment === undefined || count === 0 || segment.length < 10 + 3 * count)
    throw new BrokenStructureError("its frame header is cut short");
  const [height, width] = [segment.readUInt16BE(5), segment.readUInt16BE(7)];
  const factors = Array.from({ length: count }, (_, index) => segment.readUInt8(11 + 3 * index));
  const [across, down] = [factors.map((factor) => factor >> 4), factors.map((factor) => factor & 15)];
  const [mostAcross, mostDown] = [Math.max(1, ...across), Math.max(1, ...down)];
  const samplesOf = (index: number) =>
    Math.ceil((width * (across[index] ?? 1)) / mostAcross) * Math.ceil((height * (down[index] ?? 1)) / mostDown);
  const samples = factors.reduce((sum, _, index) => sum + samplesOf(index), 0);
  const kind = segment.readUInt8(1);
  const isProgressive = [0xc2, 0xc6, 0xca, 0xce].includes(kind);
  // What browsers show: baseline, extended and progressive, with samples of eight bits.
  const isShown = [0xc0, 0xc1, 0xc2].includes(kind) && segment.readUInt8(4) === 8;
  return { width, height, isProgressive, isShown, samples };
}
