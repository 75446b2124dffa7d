/** As for `Retry-After`: no provider's window is longer. */
const anHourMs = 3_600_000;

const unitsMs = new Map([
  ["ms", 1],
  ["milli", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

const duration = String.raw`\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b`;
const glued = String.raw`(?:\d+(?:\.\d+)?(?:ms|s|m|h))+\b`;
const statedWait = new RegExp(
  String.raw`\b(?:try again|retry|wait)(?: your request)?\s+(?:(?:in|after|for)\s+)?(?:about\s+|at least\s+)?(${glued}|${duration}(?:(?:,|\s|and)+${duration})*)`,
  "i",
);

/**
 * Reads from an error's words how long to wait, in milliseconds, an hour at most: OpenAI's "Please try again in 12s" and "in 1m3s",
 * Azure's "Please retry after 26 seconds". Undefined where they name no time with its unit.
 */
export function waitInWords(words: string): number | undefined {
  const [, told] = statedWait.exec(words) ?? [];
  if (told === undefined) return undefined;
  const parts = [...told.matchAll(/(\d+(?:\.\d+)?)\s*(ms|milli|[smh])/gi)];
  const sumMs = parts.reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (unitsMs.get(unit.toLowerCase()) ?? 0),
    0,
  );
  return Math.min(Math.ceil(sumMs), anHourMs);
}
