import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { crc32, deflateRawSync } from "node:zlib";
import * as fc from "fast-check";
import sharp, { type PngOptions, type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { examineImage } from "./examine-image.ts";
import { followPng } from "./follow-png.ts";
import type { ImageFacts } from "./image-outline.ts";

const noise = (width: number, height: number, channels: 1 | 2 | 3 | 4): Sharp =>
  sharp(randomBytes(width * height * channels), { raw: { width, height, channels } });

const png = (image: Sharp, options: PngOptions = {}) => image.png(options).toBuffer();

const pictures = {
  colours: await png(noise(60, 40, 3)),
  "colours with transparency": await png(noise(60, 40, 4)),
  grey: await png(noise(60, 40, 1).toColourspace("b-w")),
  "a palette": await png(noise(60, 40, 4), { palette: true, colours: 16 }),
  "16 bits a sample": await png(noise(60, 40, 3).toColourspace("rgb16")),
  "one colour": await png(sharp({ create: { width: 900, height: 700, channels: 3, background: "#123" } })),
  "a profile and texts": await noise(60, 40, 3)
    .keepMetadata()
    .withExif({ IFD0: { Copyright: "somebody" } })
    .png()
    .toBuffer(),
};

/** What is said of an image that comes in pieces of so many bytes. */
function followed(bytes: Buffer, size = 48 * 1024): ImageFacts | undefined {
  const follower = followPng();
  for (let at = 0; at < bytes.length; at += size) follower.write(bytes.subarray(at, at + size));
  const found = follower.end();
  return found && "facts" in found ? found.facts : undefined;
}

function chunkOf(type: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  checksum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, checksum]);
}

describe.each(Object.entries(pictures))("a PNG with %s", (_, bytes) => {
  test.each([1, 7, 100, 48 * 1024])("is vouched for in pieces of %i bytes, as a decoder finds it", async (size) => {
    expect(followed(bytes, size)).toEqual(await examineImage(bytes));
  });

  test("is not vouched for when it is cut anywhere", () => {
    for (let length = 0; length < bytes.length; length += Math.ceil(bytes.length / 500)) {
      expect(followed(bytes.subarray(0, length))).toBeUndefined();
    }
  });

  test("whatever byte of it changes is not vouched for, or a decoder takes it as well", async () => {
    const change = fc.record({ at: fc.nat(bytes.length - 1), by: fc.integer({ min: 1, max: 255 }) });
    /** What the two say of an image that was vouched for wrongly. */
    const wrong: object[] = [];
    await fc.assert(
      fc.asyncProperty(change, async ({ at, by }) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ by;
        const facts = followed(changed);
        const found = facts && (await examineImage(changed).catch((error: unknown) => error));
        if (!isDeepStrictEqual(facts, found)) wrong.push({ facts, found });
      }),
      { numRuns: 100 },
    );
    expect(wrong).toEqual([]);
  });
});

const whole = pictures.colours;
const end = chunkOf("IEND", Buffer.alloc(0));
const jpeg = await noise(60, 40, 3).jpeg().toBuffer();
const interlaced = await png(noise(60, 40, 3), { progressive: true });
const withoutEnd = whole.subarray(0, -end.length);
/** Enough bytes for its pixels, without the two that say how they are compressed. */
const pixels = deflateRawSync(Buffer.alloc(40 * (1 + 60 * 3)));

test("what stands behind the end is not counted", async () => {
  const more = Buffer.concat([whole, Buffer.from("PK\u0003\u0004")]);
  expect(followed(more)).toEqual({ mediaType: "image/png", width: 60, height: 40, length: whole.length });
});

test("a text whose checksum is wrong does not matter, as it does not to a decoder", async () => {
  const text = chunkOf("tEXt", Buffer.from("Comment\0hello"));
  text[text.length - 1] = (text.at(-1) ?? 0) ^ 1;
  const bytes = Buffer.concat([withoutEnd, text, end]);
  expect(followed(bytes)).toEqual(await examineImage(bytes));
  expect(followed(bytes)).toBeDefined();
});

describe("nothing is said of", () => {
  const headerEnd = 33;
  const header = (change: (content: Buffer) => void) => {
    const content = Buffer.from(whole.subarray(16, 29));
    change(content);
    return Buffer.concat([whole.subarray(0, 8), chunkOf("IHDR", content), whole.subarray(headerEnd)]);
  };
  test.each<[string, Buffer]>([
    ["a JPEG", jpeg],
    ["nothing", Buffer.alloc(0)],
    ["an interlaced image", interlaced],
    ["an image without an end mark", withoutEnd],
    [
      "pixels in two runs",
      Buffer.concat([withoutEnd, chunkOf("tEXt", Buffer.from("a\0b")), chunkOf("IDAT", Buffer.of(0)), end]),
    ],
    [
      "an empty run of pixels before the pixels",
      Buffer.concat([
        whole.subarray(0, headerEnd),
        chunkOf("IDAT", Buffer.alloc(0)),
        chunkOf("tEXt", Buffer.from("a\0b")),
        whole.subarray(headerEnd),
      ]),
    ],
    [
      "pixels that are compressed with a window that there is not",
      // The first two bytes are a multiple of 31, as they must be.
      Buffer.concat([
        whole.subarray(0, headerEnd),
        chunkOf("IDAT", Buffer.concat([Buffer.of(0x88, 0x1c), pixels])),
        end,
      ]),
    ],
    [
      "a chunk that a decoder must know",
      Buffer.concat([whole.subarray(0, headerEnd), chunkOf("ABCD", Buffer.of(1)), whole.subarray(headerEnd)]),
    ],
    ["an image without pixels", Buffer.concat([whole.subarray(0, headerEnd), end])],
    [
      "sides that so few bytes cannot fill",
      header((content) => {
        content.writeUInt32BE(16_000, 0);
        content.writeUInt32BE(3_000, 4);
      }),
    ],
    ["more pixels than anybody draws", header((content) => content.writeUInt32BE(16_385, 4))],
    ["a depth that there is not", header((content) => content.writeUInt8(3, 8))],
    ["a palette that is missing", header((content) => content.writeUInt8(3, 9))],
    [
      "pixels that are not compressed as those of a PNG",
      Buffer.concat([whole.subarray(0, headerEnd), chunkOf("IDAT", Buffer.from("not zlib")), end]),
    ],
  ])("%s", (_, bytes) => {
    expect(followed(bytes)).toBeUndefined();
  });
});
