import { crc32 } from "node:zlib";
import sharp, { type Sharp } from "sharp";

/** A photograph as far as encoders can tell. */
export const photo = (channels: 3 | 4 = 3): Sharp =>
  sharp({
    create: {
      width: 120,
      height: 80,
      channels,
      background: "#5a6b7c80",
      noise: { type: "gaussian", mean: 128, sigma: 40 },
    },
  });
const labelled = (): Sharp =>
  photo()
    .withIccProfile("p3")
    .withExif({ IFD0: { Copyright: "An artist", ImageDescription: "x".repeat(5_000) } })
    .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/">${" ".repeat(4_000)}</x:xmpmeta>`);
/** OpenAI's help names 100 KB for a PNG through its API (https://help.openai.com/en/articles/8912793). */
const manifest = Buffer.alloc(300_000, "jumb");

const uint32 = (number: number) => Buffer.of(number >>> 24, number >>> 16, number >>> 8, number);
function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  return Buffer.concat([uint32(data.length), body, uint32(crc32(body))]);
}
const withChunk = (png: Buffer, type: string, data: Buffer) =>
  Buffer.concat([png.subarray(0, 33), chunk(type, data), png.subarray(33)]);
function withManifest(jpeg: Buffer): Buffer {
  const parts = Array.from({ length: 6 }, () =>
    Buffer.concat([Buffer.of(0xff, 0xeb, 0xc3, 0x52), manifest.subarray(0, 50_000)]),
  );
  return Buffer.concat([jpeg.subarray(0, 2), ...parts, jpeg.subarray(2)]);
}
function withRiffChunk(webp: Buffer, type: string, data: Buffer): Buffer {
  const bytes = Buffer.concat([webp, Buffer.from(type, "latin1"), Buffer.from(uint32(data.length).toReversed()), data]);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  return bytes;
}

const shade = (fill: string) =>
  Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80"><rect width="99" height="80" fill="${fill}"/></svg>`,
  );
const frames = () => sharp(["#123", "#456", "#789"].map(shade), { join: { animated: true } });

const segment = (marker: number, body: Buffer) =>
  Buffer.concat([Buffer.of(0xff, marker, (body.length + 2) >>> 8, (body.length + 2) & 255), body]);
const withSegment = (jpeg: Buffer, marker: number, body: Buffer) =>
  Buffer.concat([jpeg.subarray(0, 2), segment(marker, body), jpeg.subarray(2)]);

/** A thumbnail is a whole JPEG, with a mark at its end. */
async function withThumbnail(): Promise<Buffer> {
  const thumbnail = await photo().resize(32).jpeg({ quality: 20 }).toBuffer();
  return withSegment(await photo().jpeg().toBuffer(), 0xe1, Buffer.concat([Buffer.from("Exif\0\0"), thumbnail]));
}

/** As telephones write a photograph and the map of its highlights (CIPA DC-007): an index, and whole JPEGs one behind the other. */
async function severalJpegs(): Promise<Buffer> {
  const [first, second] = [await photo().jpeg().toBuffer(), await photo().grayscale().jpeg().toBuffer()];
  const index = Buffer.from(
    "4d504600 4d4d002a 00000008 0001 b001 0004 00000001 00000003 00000000".replaceAll(" ", ""),
    "hex",
  );
  return Buffer.concat([withSegment(first, 0xe2, index), second, Buffer.alloc(7), second]);
}

/** Its second frame is behind the pixels of the first, in chunks of its own. */
async function animatedPng(): Promise<Buffer> {
  const [first, second] = [await photo().png().toBuffer(), await photo().png().toBuffer()];
  const control = (number: number) =>
    Buffer.concat([uint32(number), uint32(120), uint32(80), Buffer.alloc(8), Buffer.of(0, 1, 0, 10, 0, 0)]);
  const data = second.subarray(second.indexOf("IDAT") + 4, second.indexOf("IEND") - 8);
  const begun = withChunk(withChunk(first, "fcTL", control(0)), "acTL", Buffer.concat([uint32(2), uint32(0)]));
  const frame = [chunk("fcTL", control(1)), chunk("fdAT", Buffer.concat([uint32(2), data]))];
  return Buffer.concat([begun.subarray(0, -12), ...frame, begun.subarray(-12)]);
}

/** Images as encoders, cameras and editors write them, each of 120x80 pixels. */
export const realPictures: [name: string, make: () => Promise<Buffer>][] = [
  ["a PNG with a profile, EXIF and XMP", () => labelled().png().toBuffer()],
  ["a PNG with a C2PA manifest", async () => withChunk(await labelled().png().toBuffer(), "caBX", manifest)],
  [
    "a PNG with a text of 500 KB",
    async () => withChunk(await photo().png().toBuffer(), "tEXt", Buffer.alloc(500_000, "x")),
  ],
  ["a PNG of a palette with transparency", () => photo(4).png({ palette: true, colors: 16 }).toBuffer()],
  ["a PNG in gray", () => photo().grayscale().toColourspace("b-w").png().toBuffer()],
  ["a PNG of 16 bits", () => photo(4).toColourspace("rgb16").png().toBuffer()],
  ["an interlaced PNG", () => photo(4).png({ progressive: true }).toBuffer()],
  ["a JPEG with a profile, EXIF and XMP", () => labelled().jpeg().toBuffer()],
  ["a JPEG with a C2PA manifest", async () => withManifest(await labelled().jpeg().toBuffer())],
  ["a progressive JPEG", () => photo().jpeg({ progressive: true, chromaSubsampling: "4:4:4" }).toBuffer()],
  ["a JPEG of mozjpeg", () => photo().jpeg({ mozjpeg: true }).toBuffer()],
  ["a JPEG in CMYK", () => photo().toColourspace("cmyk").jpeg().toBuffer()],
  ["a JPEG in gray", () => photo().grayscale().jpeg().toBuffer()],
  ["a JPEG with a thumbnail in its EXIF", withThumbnail],
  ["a JPEG of several pictures", severalJpegs],
  ["a WebP with a profile, EXIF and XMP", () => labelled().webp().toBuffer()],
  ["a WebP with a C2PA manifest", async () => withRiffChunk(await labelled().webp().toBuffer(), "C2PA", manifest)],
  ["a WebP without loss", () => photo(4).webp({ lossless: true }).toBuffer()],
  ["a WebP with transparency", () => photo(4).webp({ alphaQuality: 50 }).toBuffer()],
  ["an animated WebP", () => frames().webp().toBuffer()],
  ["an animated PNG", animatedPng],
  ["a GIF", () => photo().gif().toBuffer()],
  ["an animated GIF", () => frames().gif().toBuffer()],
];
