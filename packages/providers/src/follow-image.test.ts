import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { examineImage, UnusableImageError } from "./examine-image.ts";
import { followImage } from "./follow-image.ts";
import type { Followed } from "./image-follower.ts";
import { riders } from "./polyglots.fixture.ts";
import { realPictures } from "./real-pictures.fixture.ts";

/** What is found out about an image that comes in these parts. Each is overwritten when the next one comes, as those of a reply are. */
function followed(parts: readonly Buffer[]): Followed | undefined {
  const follower = followImage();
  for (const part of parts) {
    const passing = Buffer.from(part);
    follower.write(passing);
    passing.fill(0xff);
  }
  return follower.end();
}

function inPieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** The same bytes in parts that end at `places`, each between 0 and 1. */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => Math.floor(place * bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}
const anyPlaces = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 });

const made = await Promise.all(realPictures.map(async ([name, make]) => ({ name, bytes: await make() })));
const withoutChecksums = made.filter(({ name }) => !name.includes("PNG"));
/** Whether its frames fit is for a decoder to judge. */
const isLeftToDecoder = (name: string): boolean => name === "an animated WebP";

describe.each(withoutChecksums)("$name", ({ name, bytes }) => {
  test("is followed to its end, with the sides and the length that a decoder finds", async () => {
    const facts = await examineImage(bytes);
    expect(followed([bytes])).toEqual(isLeftToDecoder(name) ? undefined : { facts, vouchedForBy: "structure" });
  });

  test("gives the same in pieces of any size, whatever follows it", () => {
    const whole = followed([bytes]);
    for (const size of [1, 2, 3, 7, 100, 48 * 1024]) expect(followed(inPieces(bytes, size))).toEqual(whole);
    for (const [, rider] of riders) expect(followed([bytes, rider])).toEqual(whole);
  });

  test("gives in any cut into parts what the whole gives, also where bytes of it were changed or its end is missing", () => {
    const change = fc.record({ at: fc.nat(bytes.length - 1), by: fc.integer({ min: 0, max: 255 }) });
    const upTo = fc.integer({ min: Math.floor(bytes.length / 2), max: bytes.length });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 3 }), upTo, anyPlaces, (changes, end, places) => {
        const changed = Buffer.from(bytes.subarray(0, end));
        for (const { at, by } of changes) if (at < end) changed[at] = (changed[at] ?? 0) ^ by;
        expect(followed(cutAt(changed, places))).toEqual(followed([changed]));
      }),
      { numRuns: 200 },
    );
  });

  test("is not taken for whole when it is cut anywhere", () => {
    // A file of several pictures is whole with the first of them, as decoders take it.
    const end = name === "a JPEG of several pictures" ? bytes.indexOf(Buffer.of(0xff, 0xd9)) + 2 : bytes.length;
    for (let length = 12; length < end; length += Math.ceil(end / 500)) {
      expect(followed([bytes.subarray(0, length)]) ?? {}).not.toHaveProperty("facts");
    }
  });

  test("is refused only where a decoder would refuse it", async () => {
    const change = fc.record({ at: fc.nat(Math.min(bytes.length, 2_000) - 1), by: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(change, async ({ at, by }) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ by;
        const found = followed([changed]);
        if (found === undefined || !("unusable" in found)) return;
        await expect(examineImage(changed)).rejects.toThrow(new UnusableImageError(found.unusable));
      }),
      { numRuns: 100 },
    );
  });
});

const truncatable = withoutChecksums.filter(({ name }) => /GIF|WebP/.test(name));

test.each(truncatable)("$name that is cut short is refused without a decoder", ({ bytes }) => {
  const unusable = expect.stringMatching(/^the (?:GIF|WEBP) cannot be used: it ends/);
  expect(followed([bytes.subarray(0, -1)])).toEqual({ unusable });
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["a few bytes", Buffer.from("GIF89a")],
  ["a page of HTML", Buffer.from("<!doctype html><html></html>")],
  ["an SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"></svg>')],
])("of %s nothing is said", (_, bytes) => {
  expect(followed([bytes])).toBeUndefined();
});

test("a GIF that is made of millions of empty blocks is left to the process that decodes", () => {
  const gif = made.find(({ name }) => name === "a GIF")?.bytes ?? Buffer.alloc(0);
  const comments = Buffer.alloc(3 * 1_000_000, Buffer.of(0x21, 0xfe, 0));
  const bytes = Buffer.concat([gif.subarray(0, -1), comments, gif.subarray(-1)]);
  expect(followed(inPieces(bytes, 48 * 1024))).toBeUndefined();
});
