import { z } from "zod";

/** A variable that holds a whole number within limits. One message says all that may be wrong with it. */
export function wholeNumber(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number({ error }).refine((n) => Number.isInteger(n) && n >= least && n <= most, { error });
}
