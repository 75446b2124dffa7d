import { InvalidArgumentError } from "@commander-js/extra-typings";

const secondsOf = { s: 1, min: 60, h: 3_600, day: 86_400 } as const;
const bytesOf = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 } as const;
const isUnit = <T extends object>(units: T, text: string): text is Extract<keyof T, string> =>
  Object.hasOwn(units, text);

/** `50/s`, `3000/min`, `4000000/day`: so many a second. */
export function parseRate(text: string): number {
  const [, count = "", unit = ""] = /^([\d.]+) ?\/ ?([a-z]+)$/.exec(text) ?? [];
  if (!isNumber(count) || !isUnit(secondsOf, unit))
    throw new InvalidArgumentError("It must look like 50/s, 3000/min, 180000/h or 4000000/day.");
  return within(Number(count) / secondsOf[unit], { least: 1e-6, most: 1e6, what: "a second" });
}

/** `20`, `45s`, `30min`, `24h`, `7day`: seconds. */
export function parseSeconds(text: string): number {
  const [, count = "", unit = "s"] = /^([\d.]+) ?([a-z]+)?$/.exec(text) ?? [];
  if (!isNumber(count) || !isUnit(secondsOf, unit))
    throw new InvalidArgumentError("It must look like 20, 45s, 30min, 24h or 7day.");
  return within(Number(count) * secondsOf[unit], { least: 0.001, most: 400 * 86_400, what: "seconds" });
}

/** `300KB`, `2MB`, `64GB`: bytes. */
export function parseBytes(text: string): number {
  const [, count = "", unit = ""] = /^([\d.]+) ?([A-Z]+)$/.exec(text) ?? [];
  if (!isNumber(count) || !isUnit(bytesOf, unit))
    throw new InvalidArgumentError("It must look like 300KB, 2MB or 64GB.");
  return within(Number(count) * bytesOf[unit], { least: 1e3, most: 1e14, what: "bytes" });
}

/** `80%`: a share from 0 to 1. */
export function parseShare(text: string): number {
  const [, percent = ""] = /^([\d.]+)%$/.exec(text) ?? [];
  if (!isNumber(percent) || Number(percent) > 100)
    throw new InvalidArgumentError("It must look like 80%, at most 100%.");
  return Number(percent) / 100;
}

/** A number of things within bounds, such as 20 or 1.5. */
export const parseAmount =
  (bounds: { least: number; most: number; whole?: boolean }) =>
  (text: string): number => {
    if (!isNumber(text) || (bounds.whole === true && !Number.isInteger(Number(text))))
      throw new InvalidArgumentError(bounds.whole === true ? "It must be a whole number." : "It must be a number.");
    return within(Number(text), { ...bounds, what: "" });
  };

const isNumber = (text: string): boolean => /^\d{1,15}(\.\d{1,9})?$/.test(text);

function within(value: number, { least, most, what }: { least: number; most: number; what: string }): number {
  if (value >= least && value <= most) return value;
  throw new InvalidArgumentError(`It must be from ${least} to ${most} ${what}`.trimEnd() + ".");
}

/** A number with as many digits as matter for planning, in groups of three: `0.034`, `7.3`, `63`, `1,250`, `8,640,000`. */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US", value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 2 });
}

/** `850 KB`, `7.8 GB`. */
export function formatBytes(bytes: number): string {
  const [unit = "KB", size = 1e3] = Object.entries(bytesOf).findLast(([, each]) => bytes >= each) ?? [];
  return `${formatCount(bytes / size)} ${unit}`;
}
