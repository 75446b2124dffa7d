import { crc32, deflateRawSync, constants } from "node:zlib";
import sharp from "sharp";

export type HostilePicture = {
  name: string;
  make: () => Buffer | Promise<Buffer>;
  /** Part of the reason why it is refused; left out where it is delivered, since its pixels are in order. */
  refused?: string;
};

/** Pictures that are small, and were made to take a decoder seconds or a gigabyte. */
export const hostilePictures: readonly HostilePicture[] = [
  {
    name: "PNG, 40 zTXt chunks of 40 MB each",
    make: () => png({ before: repeat(40, () => textChunk("zTXt", "x\0\0")) }),
  },
  {
    name: "PNG, 40 compressed iTXt chunks of 40 MB each",
    make: () => png({ before: repeat(40, () => textChunk("iTXt", "x\0\u0001\0\0\0")) }),
  },
  { name: "PNG, a profile of 40 MB", make: () => png({ before: [textChunk("iCCP", "x\0\0")] }) },
  {
    name: "PNG, a text of 8 MB",
    make: () => png({ before: [chunk("tEXt", Buffer.concat([latin1("x\0"), ascii(8)]))] }),
  },
  { name: "PNG, EXIF of 8 MB with 60,000 fields", make: () => png({ before: [chunk("eXIf", exif(8))] }) },
  {
    name: "PNG, 200,000 text chunks",
    make: () => png({ before: repeat(200_000, (index) => chunk("tEXt", latin1(`k${index}\0v`))) }),
  },
  { name: "PNG, 400,000 chunks of no pixels", make: () => png({ data: repeat(400_000, () => chunk("IDAT")) }) },
  { name: "PNG, 3,125,000x16", make: () => png({ width: 3_125_000, height: 16 }), refused: "3125000x16" },
  { name: "PNG, 30,000x30,000", make: () => png({ width: 30_000, height: 30_000 }), refused: "30000x30000" },
  {
    name: "PNG, 7071x7071, 64 bits a pixel, interlaced",
    make: () => png({ width: 7071, height: 7071, isDeep: true, isInterlaced: true }),
    refused: "a decoder would hold",
  },
  {
    name: "PNG, 7071x7071, 64 bits a pixel, the slowest filter",
    make: () => png({ width: 7071, height: 7071, isDeep: true, filter: 4 }),
  },
  { name: "JPEG, 4096x4096 in 2,600 scans", make: () => progressiveJpeg(4096, 2_600), refused: "it has 2600 scans" },
  { name: "JPEG, 4096x4096 in 64 scans", make: () => progressiveJpeg(4096, 64) },
  { name: "JPEG, 7071x7071, progressive", make: () => progressiveJpeg(7071, 10), refused: "a decoder would hold" },
  {
    name: "JPEG, a profile of 16 MB",
    make: () =>
      jpegWith(repeat(255, (index) => segment(0xe2, latin1("ICC_PROFILE\0"), Buffer.of(index + 1, 255), ascii(0.065)))),
  },
  { name: "JPEG, 100 comments of 65 KB", make: () => jpegWith(repeat(100, () => segment(0xfe, ascii(0.065)))) },
  { name: "JPEG, 1,000,000 empty segments", make: () => jpegWith(repeat(1_000_000, () => segment(0xeb))) },
  {
    name: "WebP, 7071x7071 in 38 bytes",
    make: () => Buffer.from("524946461e000000574542505650384c110000002f9e9be7060750914674a6ff8188e87f0000", "hex"),
  },
  { name: "WebP, EXIF of 8 MB with 60,000 fields", make: webpWithExif },
  { name: "WebP, 101 frames", make: webpOf101Frames, refused: "it has 101 frames" },
  { name: "GIF, 7071x7071", make: () => gif({ screen: 7071, frame: 7071 }), refused: "a decoder would hold" },
  {
    name: "GIF, a frame of 6000x6000 on a screen of 8x8",
    make: () => gif({ screen: 8, frame: 6000 }),
    refused: "the image",
  },
  { name: "GIF, 100 frames of 707x707", make: gifOf100Frames },
  { name: "SVG, 700,000 elements", make: () => svg("<g id='a'/>".repeat(700_000)), refused: "elements and attributes" },
  {
    name: "SVG, an element of 600,000 attributes",
    make: () => svg(`<g ${repeat(600_000, (index) => `a${index}=""`).join(" ")}/>`),
    refused: "more than 1000 attributes",
  },
  { name: "SVG, 8,000,000 backslashes", make: () => svg(`<g a="${"\\".repeat(8_000_000)}"/>`), refused: "backslashes" },
  { name: "SVG, 1,600,000 entities", make: () => svg("&#65;".repeat(1_600_000)) },
];

const repeat = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
const latin1 = (text: string) => Buffer.from(text, "latin1");
const ascii = (megabytes: number) => Buffer.alloc(megabytes * 1_000_000, "a");
const svg = (content: string) => latin1(`<svg xmlns="http://www.w3.org/2000/svg">${content}</svg>`);
const uint32 = (number: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
};
const uint32LE = (number: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
};

function chunk(type: string, ...data: Buffer[]): Buffer {
  const body = Buffer.concat([latin1(type), ...data]);
  return Buffer.concat([uint32(body.length - 4), body, uint32(crc32(body))]);
}

/** A chunk whose text unpacks to 40 MB of zeros. */
const textChunk = (type: string, head: string) =>
  chunk(type, latin1(head), zlibOf([{ length: 1_000_000, count: 40, filter: 0 }]));

type Rows = { length: number; count: number; filter: number };

/**
 * A zlib stream of rows that each have a filter byte and zeros behind it. Equal rows are compressed once, so that gigabytes take
 * milliseconds.
 */
function zlibOf(groups: readonly Rows[]): Buffer {
  const parts = [Buffer.of(0x78, 0xda)];
  let [a, b] = [1, 0];
  for (const { length, count, filter } of groups) {
    const row = Buffer.alloc(length);
    row[0] = filter;
    const packed = deflateRawSync(row, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
    for (let index = 0; index < count; index++) {
      parts.push(packed);
      a = (a + filter) % 65_521;
      b = (b + a * length) % 65_521;
    }
  }
  // An empty last block, and the Adler-32 checksum.
  return Buffer.concat([...parts, Buffer.of(3, 0), uint32(b * 65_536 + a)]);
}

/** Of an interlaced PNG, where each of seven passes begins, and how far apart its pixels are. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

function png({
  width = 64,
  height = 64,
  isDeep = false,
  isInterlaced = false,
  filter = 0,
  before = [] as Buffer[],
  data = [] as Buffer[],
}): Buffer {
  const bytesPerPixel = isDeep ? 8 : 3;
  const groups = isInterlaced
    ? passes.map(([x, y, across, down]) => ({
        length: 1 + Math.ceil((width - x) / across) * bytesPerPixel,
        count: Math.ceil((height - y) / down),
        filter,
      }))
    : [{ length: 1 + width * bytesPerPixel, count: height, filter }];
  const header = Buffer.of(isDeep ? 16 : 8, isDeep ? 6 : 2, 0, 0, isInterlaced ? 1 : 0);
  return Buffer.concat([
    latin1("\x89PNG\r\n\x1a\n"),
    chunk("IHDR", uint32(width), uint32(height), header),
    ...before,
    ...data,
    chunk("IDAT", zlibOf(groups)),
    chunk("IEND"),
  ]);
}

/** EXIF whose fields all name the same large text. */
function exif(megabytes: number): Buffer {
  const tiff = Buffer.alloc(megabytes * 1_000_000);
  tiff.write("II*\0", "latin1");
  tiff.writeUInt32LE(8, 4);
  const fields = 60_000;
  tiff.writeUInt16LE(fields, 8);
  for (let at = 10; at < 10 + 12 * fields; at += 12) {
    tiff.writeUInt16LE(0x90_00, at);
    tiff.writeUInt16LE(2, at + 2);
    tiff.writeUInt32LE(megabytes * 500_000, at + 4);
    tiff.writeUInt32LE(12 * fields, at + 8);
  }
  return tiff;
}

function segment(marker: number, ...data: Buffer[]): Buffer {
  const body = Buffer.concat(data);
  const head = Buffer.of(0xff, marker, 0, 0);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
}

const flat = (side: number) => sharp({ create: { width: side, height: side, channels: 3, background: "#123" } });

async function jpegWith(segments: readonly Buffer[]): Promise<Buffer> {
  const plain = await flat(64).jpeg().toBuffer();
  return Buffer.concat([plain.subarray(0, 2), ...segments, plain.subarray(2)]);
}

/** A gray picture in many scans: one of all DC coefficients, then one for a bit of each AC coefficient of each colour. All are zero. */
function progressiveJpeg(side: number, scans: number): Buffer {
  const heightAndWidth = uint32(side * 65_536 + side);
  const blocks = Math.ceil(side / 8) ** 2;
  const dcTable = segment(0xc4, Buffer.of(0, 1), Buffer.alloc(15), Buffer.of(0));
  // Fifteen codes of four bits: runs of up to 2^15 blocks without a coefficient.
  const acTable = segment(
    0xc4,
    Buffer.of(0x10, 0, 0, 0, 15),
    Buffer.alloc(12),
    Buffer.from(repeat(15, (log) => log * 16)),
  );
  let runs = "";
  for (let left = blocks; left > 0;) {
    const log = Math.min(14, Math.floor(Math.log2(left)));
    const run = Math.min(left, 2 ** (log + 1) - 1);
    runs += log.toString(2).padStart(4, "0") + (log === 0 ? "" : (run - 2 ** log).toString(2).padStart(log, "0"));
    left -= run;
  }
  const parts = [
    Buffer.of(0xff, 0xd8),
    segment(0xdb, Buffer.of(0), Buffer.alloc(64, 1)),
    segment(0xc2, Buffer.of(8), heightAndWidth, Buffer.of(3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)),
    dcTable,
    acTable,
    segment(0xda, Buffer.of(3, 1, 0, 2, 0, 3, 0, 0, 0, 0)),
    bitsOf("0".repeat(3 * blocks)),
  ];
  const empty = bitsOf(runs);
  for (let scan = 0; scan < scans - 1; scan++) {
    const [bit, rest] = [13 - Math.floor(scan / 189), scan % 189];
    const [coefficient, color] = [1 + Math.floor(rest / 3), 1 + (rest % 3)];
    const bits = (bit === 13 ? 0 : bit + 1) * 16 + bit;
    parts.push(segment(0xda, Buffer.of(1, color, 0, coefficient, coefficient, bits)), empty);
  }
  return Buffer.concat([...parts, Buffer.of(0xff, 0xd9)]);
}

/** Bits as the data of a scan: ones fill up the last byte, and a zero follows each byte of ones. */
function bitsOf(bits: string): Buffer {
  const bytes = (bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, "1"), 2));
  return Buffer.from(bytes.flatMap((byte) => (byte === 0xff ? [byte, 0] : [byte])));
}

function riff(...chunks: Buffer[]): Buffer {
  const body = Buffer.concat([latin1("WEBP"), ...chunks]);
  return Buffer.concat([latin1("RIFF"), uint32LE(body.length), body]);
}

function webpChunk(type: string, ...data: Buffer[]): Buffer {
  const body = Buffer.concat(data);
  return Buffer.concat([latin1(type), uint32LE(body.length), body, Buffer.alloc(body.length % 2)]);
}

async function webpWithExif(): Promise<Buffer> {
  const plain = await flat(64).webp().toBuffer();
  const extended = webpChunk("VP8X", Buffer.of(8, 0, 0, 0, 63, 0, 0, 63, 0, 0));
  return riff(extended, plain.subarray(12), webpChunk("EXIF", exif(8)));
}

async function webpOf101Frames(): Promise<Buffer> {
  const plain = (await flat(64).webp().toBuffer()).subarray(12);
  const place = Buffer.of(0, 0, 0, 0, 0, 0, 63, 0, 0, 63, 0, 0, 100, 0, 0, 0);
  const extended = webpChunk("VP8X", Buffer.of(2, 0, 0, 0, 63, 0, 0, 63, 0, 0));
  return riff(extended, webpChunk("ANIM", Buffer.alloc(6)), ...repeat(101, () => webpChunk("ANMF", place, plain)));
}

const sides = (side: number) => [side & 255, side >> 8, side & 255, side >> 8];

function gif({ screen, frame }: { screen: number; frame: number }): Buffer {
  const colors = [0, 0, 0, 255, 255, 255];
  const data = [2, 2, 0x4c, 1, 0];
  return Buffer.concat([
    latin1("GIF89a"),
    Buffer.from([...sides(screen), 0x80, 0, 0, ...colors]),
    Buffer.from([0x2c, 0, 0, 0, 0, ...sides(frame), 0, ...data, 0x3b]),
  ]);
}

async function gifOf100Frames(): Promise<Buffer> {
  const plain = await flat(707).gif().toBuffer();
  const control = plain.indexOf(Buffer.of(0x21, 0xf9));
  const start = control === -1 ? plain.indexOf(0x2c) : control;
  const frame = plain.subarray(start, -1);
  return Buffer.concat([plain.subarray(0, start), ...repeat(100, () => frame), Buffer.of(0x3b)]);
}
