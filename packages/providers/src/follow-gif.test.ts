import { describe, expect, test } from "vitest";
import { readGif } from "./follow-gif.ts";

const ascii = (text: string) => [...Buffer.from(text, "latin1")];
const screen = ({ width = 3, height = 2, packed = 0 } = {}) => [width, 0, height, 0, packed, 0, 0];
const place = [0x2c, 0, 0, 0, 0, 3, 0, 2, 0];
const frame = (packed = 0, colors: number[] = [], data = [2, 0x4c, 1, 0]) => [...place, packed, ...colors, 2, ...data];
const pause = [0x21, 0xf9, 4, 0, 20, 0, 0, 0];
const comment = [0x21, 0xfe, 3, ...ascii("a;b"), 2, ...ascii(",!"), 0];
const trailer = 0x3b;
const read = (...parts: (number | number[])[]) => readGif(Buffer.from(parts.flat()));

describe("a whole GIF", () => {
  test.each([
    ["of one frame", [ascii("GIF87a"), screen(), frame()], 1],
    ["of three frames with pauses", [ascii("GIF89a"), screen(), pause, frame(), pause, frame(), pause, frame()], 3],
    [
      "with a color table for all",
      [ascii("GIF89a"), screen({ packed: 0x81 }), Array<number>(12).fill(trailer), frame()],
      1,
    ],
    ["with a color table of a frame", [ascii("GIF89a"), screen(), frame(0x80, [1, 2, 3, trailer, 5, 6]), frame()], 2],
    ["with a comment that looks like blocks", [ascii("GIF89a"), screen(), comment, frame()], 1],
    [
      "with data in several sub-blocks",
      [ascii("GIF89a"), screen(), frame(0, [], [1, trailer, 3, 0x2c, 0x21, 0, 0])],
      1,
    ],
  ])("%s is counted", (_, parts, frames) => {
    const essential = Buffer.from([...parts, trailer].flat());
    const facts = { width: 3, height: 2, frames, scans: 1, heldBytes: 30, length: essential.length, essential };
    expect(read(...parts, trailer)).toEqual(facts);
  });

  test("may have something behind it", () => {
    expect(read(ascii("GIF89a"), screen(), frame(), trailer, ascii("more"))).toMatchObject({ frames: 1 });
  });
});

test("a GIF that ends anywhere before its trailer is refused", () => {
  const whole = Buffer.from(
    [ascii("GIF89a"), screen({ packed: 0x80 }), Array<number>(6).fill(7), comment, pause, frame(), trailer].flat(),
  );
  expect(readGif(whole).frames).toBe(1);
  for (let length = 0; length < whole.length; length++) {
    expect(() => readGif(whole.subarray(0, length))).toThrow(/^it (?:has no signature|ends within frame [12])$/);
  }
});

test.each([
  ["it has no signature", [ascii("GIF88a"), screen(), frame(), trailer]],
  ["its sides are 0x2", [ascii("GIF89a"), screen({ width: 0 }), frame(), trailer]],
  ["it has no frame", [ascii("GIF89a"), screen(), comment, trailer]],
  ["frame 1 has no data", [ascii("GIF89a"), screen(), frame(0, [], [0]), trailer]],
  ["it has a block of the unknown type 0 after 1 frames", [ascii("GIF89a"), screen(), frame(), 0, trailer]],
])("%s", (why, parts) => {
  expect(() => read(...parts)).toThrow(why);
});
