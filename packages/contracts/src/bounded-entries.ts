import { z } from "zod";

/**
 * A value with at most `most` entries, whatever they are: the first part of a pipe to a list or a record. zod makes an issue of each
 * wrong entry before it looks at their number, and a body of 1 MB has 121,833 wrong pairs, or 500,000 wrong items: seconds of work that
 * no limit counts. `message` says what is right.
 */
export const boundedEntries = (most: number, message: string) =>
  z.unknown().refine((value) => hasAtMost(most, value), { error: message, abort: true });

/** Whether an object or a list has at most so many entries. Anything else has none. */
export function hasAtMost(most: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return (Array.isArray(value) ? value.length : Object.keys(value).length) <= most;
}
