import { z } from "zod";

const sidePixels = z.int().min(1).max(65_535);
/** The square of the longest side that a rule can name. */
const areaPixels = z
  .int()
  .min(1)
  .max(65_535 ** 2);

/** A rule for sizes that no list holds. It knows a longer and a shorter side, so it treats portrait and landscape alike. */
export const sizeRuleSchema = z
  .strictObject({
    /** Both sides are multiples of this. */
    divisibleBy: sidePixels.optional(),
    /** Pixels. */
    minSide: sidePixels.optional(),
    maxLongSide: sidePixels.optional(),
    maxShortSide: sidePixels.optional(),
    /** How many times the shorter side the longer one may be: 3 allows 1:3 to 3:1. */
    maxRatio: z.number().min(1).optional(),
    /** Width times height. */
    minPixels: areaPixels.optional(),
    maxPixels: areaPixels.optional(),
  })
  .refine(({ minPixels = 1, maxPixels = Infinity }) => minPixels <= maxPixels, {
    path: ["maxPixels"],
    error: "expected maxPixels to be at least minPixels",
  });
export type SizeRule = z.infer<typeof sizeRuleSchema>;

export type Size = { width: number; height: number };

/** Reads `1024x1536`; undefined for anything else: a leading zero, a capital X, a blank. */
export function parseSize(text: string): Size | undefined {
  const match = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(text);
  return match === null ? undefined : { width: Number(match[1]), height: Number(match[2]) };
}

export function fitsRule(rule: SizeRule, { width, height }: Size): boolean {
  const long = Math.max(width, height);
  const short = Math.min(width, height);
  return (
    (rule.divisibleBy === undefined || (width % rule.divisibleBy === 0 && height % rule.divisibleBy === 0)) &&
    (rule.minSide === undefined || short >= rule.minSide) &&
    (rule.maxLongSide === undefined || long <= rule.maxLongSide) &&
    (rule.maxShortSide === undefined || short <= rule.maxShortSide) &&
    (rule.maxRatio === undefined || long <= short * rule.maxRatio) &&
    (rule.minPixels === undefined || width * height >= rule.minPixels) &&
    (rule.maxPixels === undefined || width * height <= rule.maxPixels)
  );
}

/** The rule in words, to go into an error message after "takes". */
export function describeRule(rule: SizeRule): string {
  const conditions = [
    rule.divisibleBy !== undefined && `both sides divisible by ${rule.divisibleBy}`,
    rule.minSide !== undefined && `no side below ${rule.minSide}`,
    rule.maxLongSide !== undefined && `no side above ${rule.maxLongSide}`,
    rule.maxShortSide !== undefined && `the shorter side at most ${rule.maxShortSide}`,
    rule.maxRatio !== undefined && `the longer side at most ${rule.maxRatio} times the shorter`,
    rule.minPixels !== undefined && `at least ${rule.minPixels} pixels`,
    rule.maxPixels !== undefined && `at most ${rule.maxPixels} pixels`,
  ].filter((condition) => condition !== false);
  return conditions.length === 0 ? "any WIDTHxHEIGHT" : `WIDTHxHEIGHT with ${conditions.join(", ")}`;
}
