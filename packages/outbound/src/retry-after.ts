/** No provider's window is longer; a reply that says "a year" must not park a job for one. */
const anHourMs = 3_600_000;

/**
 * Reads how long a server asks its client to wait, in milliseconds from now, at most `longestMs`: `retry-after-ms` (OpenAI's own), else
 * `Retry-After` in seconds or as an HTTP date (RFC 9110 §10.2.3). Such a date is compared with the `Date` of the same answer, where it has one:
 * the clock of this machine may be wrong. Undefined where it says nothing that makes sense.
 */
export function retryAfterMs(
  headers: Record<string, string | undefined>,
  nowMs: number,
  longestMs = anHourMs,
): number | undefined {
  const waitMs =
    parse(headers["retry-after-ms"], 1) ?? parse(headers["retry-after"], 1000) ?? parseDate(headers, nowMs);
  return waitMs === undefined ? undefined : Math.min(waitMs, longestMs);
}

function parse(text: string | undefined, unitMs: number): number | undefined {
  if (text === undefined || !/^\s*\d+(\.\d+)?\s*$/.test(text)) return undefined;
  return Math.ceil(Number(text) * unitMs);
}

function parseDate(headers: Record<string, string | undefined>, nowMs: number): number | undefined {
  const atMs = readDate(headers["retry-after"]);
  return atMs === undefined ? undefined : Math.max(0, atMs - (readDate(headers["date"]) ?? nowMs));
}

function readDate(text: string | undefined): number | undefined {
  // Date.parse takes nearly anything ("banana 7" is a date to it), so the shape is checked first: all three of HTTP's begin so.
  if (text === undefined || !/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : atMs;
}
