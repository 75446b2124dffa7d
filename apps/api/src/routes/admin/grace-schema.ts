import { z } from "zod";

/** A day is time to bring a new secret everywhere; a month is as long as a secret that was rotated out should live. */
const usualSeconds = 86_400;
const mostSeconds = 30 * 86_400;

/** The body of a rotation: how long the old secret works on. 0: it ends at once. */
export const graceSchema = z.strictObject({
  grace_seconds: z
    .int()
    .min(0)
    .max(mostSeconds)
    .nullish()
    .transform((seconds) => seconds ?? usualSeconds),
});
