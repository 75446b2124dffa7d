import { BrokenStructureError, createExcerpt, type ImageOutline } from "./image-outline.ts";

const scanMarker = 0xda;
const endMarker = 0xd9;
/** APP2. */
const indexMarker = 0xe2;
const picturesTag = 0xb0_01;
/** As many as a camera writes: the photograph, a map of its highlights, two previews, and room for more. */
const mostPictures = 16;

export const isJpeg = (bytes: Buffer): boolean => bytes.subarray(0, 3).equals(Buffer.of(0xff, 0xd8, 0xff));

type Frame = { width: number; height: number; isProgressive: boolean; samples: number };

/**
 * Walks through the segments of a JPEG and counts its scans. Profiles, EXIF, XMP, C2PA and comments are left out of `essential`. A file that
 * ends too early is not an error here: a decoder notices it. The further pictures of a file that has an index of them count for `length`.
 * @throws {BrokenStructureError} for a file without a frame header before its first scan
 */
export function readJpeg(bytes: Buffer): ImageOutline {
  const excerpt = createExcerpt(bytes);
  const { frame, scans, pictures, end } = walk(bytes, 0, excerpt);
  if (frame === undefined || scans === 0) throw new BrokenStructureError("it has no frame header before its pixels");
  const { width, height, isProgressive, samples } = frame;
  // Of more scans than one, a decoder holds every coefficient: two bytes each.
  const heldBytes = isProgressive || scans > 1 ? samples * 2 : 0;
  const length = endOfPictures(bytes, end, pictures - 1);
  return { width, height, frames: 1, scans, heldBytes, length, essential: excerpt.bytes() };
}

/** Follows one picture from its first mark to the mark at its end. `pictures`: how many a file has that begins with it. */
function walk(bytes: Buffer, from: number, excerpt?: Pick<ReturnType<typeof createExcerpt>, "keep">) {
  excerpt?.keep(from, from + 2);
  let frame: Frame | undefined;
  let scans = 0;
  let pictures = 1;
  let at = from + 2;
  while (at + 4 <= bytes.length) {
    const marker = bytes.readUInt8(at + 1);
    if (bytes.readUInt8(at) !== 0xff || marker === endMarker) break;
    if (marker === 0xff) {
      // A fill byte.
      at++;
      continue;
    }
    const segmentEnd = isAlone(marker) ? at + 2 : at + 2 + bytes.readUInt16BE(at + 2);
    if (isFrameHeader(marker)) frame ??= frameOf(bytes.subarray(at, segmentEnd));
    if (marker === scanMarker) scans++;
    if (marker === indexMarker) pictures = Math.max(pictures, picturesOf(bytes.subarray(at + 4, segmentEnd)));
    const end = Math.min(marker === scanMarker ? endOfScan(bytes, segmentEnd) : segmentEnd, bytes.length);
    if (!isSideData(marker)) excerpt?.keep(at, end);
    at = end;
  }
  const end = Math.min(at + 2, bytes.length);
  excerpt?.keep(at, end);
  return { frame, scans, pictures, end };
}

/**
 * How many pictures a file has by its index (CIPA DC-007 §5.2), the body of an `APP2` segment. Telephones and cameras write such files: a
 * photograph with a map of its highlights, or with a preview. 1 for another segment.
 */
function picturesOf(body: Buffer): number {
  if (body.length < 14 || body.toString("latin1", 0, 4) !== "MPF\0") return 1;
  const index = body.subarray(4);
  const isLittleEndian = index.toString("latin1", 0, 2) === "II";
  const uint16 = (at: number) => (isLittleEndian ? index.readUInt16LE(at) : index.readUInt16BE(at));
  const uint32 = (at: number) => (isLittleEndian ? index.readUInt32LE(at) : index.readUInt32BE(at));
  const fields = uint32(4);
  for (let at = fields + 2; at + 12 <= index.length; at += 12) {
    if (uint16(at) === picturesTag) return Math.min(uint32(at + 8), mostPictures);
  }
  return 1;
}

/** Where the last of so many further pictures ends that follow one another. Some writers leave zeros between them. */
function endOfPictures(bytes: Buffer, from: number, count: number): number {
  let end = from;
  for (let left = count; left > 0; left--) {
    let at = end;
    while (bytes[at] === 0) at++;
    if (!isJpeg(bytes.subarray(at, at + 3))) break;
    const picture = walk(bytes, at);
    if (picture.frame === undefined || picture.scans === 0) break;
    end = picture.end;
  }
  return end;
}

/** SOF0 to SOF15, without the markers of tables among them (DHT, JPG, DAC). */
const isFrameHeader = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** APP1 to APP15 and comments, but for Adobe's APP14: it says how the colours are stored. */
const isSideData = (marker: number): boolean =>
  (marker >= 0xe1 && marker <= 0xef && marker !== 0xee) || marker === 0xfe;

/** Markers that no length follows: TEM, RST0 to RST7, SOI. */
const isAlone = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);

function frameOf(segment: Buffer): Frame {
  const count = segment.length > 9 ? segment.readUInt8(9) : 0;
  if (count === 0 || segment.length < 10 + 3 * count) throw new BrokenStructureError("its frame header is cut short");
  const [height, width] = [segment.readUInt16BE(5), segment.readUInt16BE(7)];
  const factors = Array.from({ length: count }, (_, index) => segment.readUInt8(11 + 3 * index));
  const [across, down] = [factors.map((factor) => factor >> 4), factors.map((factor) => factor & 15)];
  const [mostAcross, mostDown] = [Math.max(1, ...across), Math.max(1, ...down)];
  const samplesOf = (index: number) =>
    Math.ceil((width * (across[index] ?? 1)) / mostAcross) * Math.ceil((height * (down[index] ?? 1)) / mostDown);
  const samples = factors.reduce((sum, _, index) => sum + samplesOf(index), 0);
  const isProgressive = [0xc2, 0xc6, 0xca, 0xce].includes(segment.readUInt8(1));
  return { width, height, isProgressive, samples };
}

/** Where the compressed data of a scan ends: at the first marker that is no restart. */
function endOfScan(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1] ?? 0;
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  return bytes.length;
}
