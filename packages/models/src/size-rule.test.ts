import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeRule, fitsRule, parseSize } from "./size-rule.ts";

const gptImage2 = { divisibleBy: 16, maxLongSide: 3840, maxRatio: 3, minPixels: 655_360, maxPixels: 8_294_400 };
const side = fc.integer({ min: 1, max: 5000 });
/** Near the rule's edges, where the mistakes are. */
const nearSide = fc.integer({ min: 1, max: 250 }).map((steps) => steps * 16);

describe("a size rule", () => {
  test("takes what OpenAI's sentences say, for any size", () => {
    fc.assert(
      fc.property(fc.oneof(side, nearSide), fc.oneof(side, nearSide), (width, height) => {
        const divisible = width % 16 === 0 && height % 16 === 0;
        const ratio = 3 * width >= height && width <= 3 * height;
        const edges = width <= 3840 && height <= 3840;
        const area = width * height >= 655_360 && width * height <= 8_294_400;
        expect(fitsRule(gptImage2, { width, height })).toBe(divisible && ratio && edges && area);
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

  test.each([
    [2448, 3264, true],
    [2880, 2880, true],
    [3840, 2160, true],
    [2160, 3840, true],
    [1024, 640, true],
    [256, 256, false],
    [1008, 640, false],
    [2896, 2880, false],
    [3856, 1296, false],
  ])("of GPT Image 2 for %ix%i: %s", (width, height, fits) => {
    expect(fitsRule(gptImage2, { width, height })).toBe(fits);
  });

  test("may bound the shorter side", () => {
    const rule = { maxLongSide: 3840, maxShortSide: 2160 };
    expect(fitsRule(rule, { width: 2160, height: 3840 })).toBe(true);
    expect(fitsRule(rule, { width: 2176, height: 2176 })).toBe(false);
  });

  test("is spelled out in words", () => {
    expect(describeRule(gptImage2)).toBe(
      "WIDTHxHEIGHT with both sides divisible by 16, no side above 3840, the longer side at most 3 times the shorter, at least 655360 pixels, at most 8294400 pixels",
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
