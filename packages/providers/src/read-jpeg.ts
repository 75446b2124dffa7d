import { BrokenStructureError, createExcerpt, type ImageOutline } from "./image-outline.ts";

const scanMarker = 0xda;
const endMarker = 0xd9;

export const isJpeg = (bytes: Buffer): boolean => bytes.subarray(0, 3).equals(Buffer.of(0xff, 0xd8, 0xff));

type Frame = { width: number; height: number; isProgressive: boolean; samples: number };

/**
 * Walks through the segments of a JPEG and counts its scans. Profiles, EXIF, XMP, C2PA and comments are left out of `essential`. A file that
 * ends too early is not an error here: a decoder notices it.
 * @throws {BrokenStructureError} for a file without a frame header before its first scan
 */
export function readJpeg(bytes: Buffer): ImageOutline {
  const excerpt = createExcerpt(bytes);
  excerpt.keep(0, 2);
  let frame: Frame | undefined;
  let scans = 0;
  let at = 2;
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
    const end = Math.min(marker === scanMarker ? endOfScan(bytes, segmentEnd) : segmentEnd, bytes.length);
    if (!isSideData(marker)) excerpt.keep(at, end);
    at = end;
  }
  excerpt.keep(at, Math.min(at + 2, bytes.length));
  if (frame === undefined || scans === 0) throw new BrokenStructureError("it has no frame header before its pixels");
  const { width, height, isProgressive, samples } = frame;
  // Of more scans than one, a decoder holds every coefficient: two bytes each.
  const heldBytes = isProgressive || scans > 1 ? samples * 2 : 0;
  return { width, height, frames: 1, scans, heldBytes, essential: excerpt.bytes() };
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
