import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeRule, fitsRule, parseSize } from "./size-rule.ts";

const gptImage2 = { divisibleBy: 16, maxLongSide: 3840, maxShortSide: 2160, maxRatio: 3 };
const side = fc.integer({ min: 1, max: 5000 });
/** Near the rule's edges, where the mistakes are. */
const nearSide = fc.integer({ min: 1, max: 250 }).map((steps) => steps * 16);

describe("a size rule", () => {
  test("takes what OpenAI's sentences say, for any size", () => {
    fc.assert(
      fc.property(fc.oneof(side, nearSide), fc.oneof(side, nearSide), (width, height) => {
        const divisible = width % 16 === 0 && height % 16 === 0;
        const ratio = 3 * width >= height && width <= 3 * height;
        const within = (width <= 3840 && height <= 2160) || (width <= 2160 && height <= 3840);
        expect(fitsRule(gptImage2, { width, height })).toBe(divisible && ratio && within);
      }),
      { numRuns: 5000 },
    );
  });

  test("treats portrait as landscape", () => {
    fc.assert(
      fc.property(nearSide, nearSide, (a, b) => {
        expect(fitsRule(gptImage2, { width: a, height: b })).toBe(fitsRule(gptImage2, { width: b, height: a }));
      }),
    );
  });

  test("is spelled out in words", () => {
    expect(describeRule(gptImage2)).toBe(
      "WIDTHxHEIGHT with both sides divisible by 16, no side above 3840, the shorter side at most 2160, the longer side at most 3 times the shorter",
    );
    expect(describeRule({ minSide: 512, maxLongSide: 2048 })).toBe(
      "WIDTHxHEIGHT with no side below 512, no side above 2048",
    );
    expect(describeRule({})).toBe("any WIDTHxHEIGHT");
  });
});

describe("a size as text", () => {
  test("is read back as it was written", () => {
    fc.assert(
      fc.property(side, side, (width, height) => {
        expect(parseSize(`${width}x${height}`)).toEqual({ width, height });
      }),
    );
  });

  test.each(["", "x", "16", "16x", "x16", "16X16", "16×16", "016x16", "0x16", "-16x16", "1.5x16", "16x16 ", "1e3x16"])(
    "is nothing when it is %j",
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );
});
