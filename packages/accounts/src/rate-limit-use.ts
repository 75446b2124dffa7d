/** What a key has used of its limits in the last minute. */
export type RateLimitUse = {
  requests: number;
  images: number;
  /** Milliseconds until all of it is forgotten. */
  resetMs: number;
};

/** The answer of `admit` or `told_window` as it comes from Redis: numbers as text or numbers. */
export type ScriptNumbers = readonly (string | number)[];

/** Reads what `told_window` answers; null where nothing is counted. */
export function readRateLimitUse([requests, images, resetMs]: ScriptNumbers): RateLimitUse | null {
  if (requests === undefined) return null;
  return { requests: Number(requests), images: Number(images), resetMs: Number(resetMs) };
}
