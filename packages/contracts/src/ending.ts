import { z } from "zod";

/** The statuses from which nothing moves on its own. */
export const endings = ["succeeded", "failed", "canceled", "expired"] as const;
export type Ending = (typeof endings)[number];

export const isEnding = (status: string): status is Ending => (endings as readonly string[]).includes(status);

/** An image that was asked for and did not come, where others of the same request did. */
export const missingImageSchema = z.object({
  /** Its position among the images that were asked for, from 0. */
  index: z.int(),
  /** A code of the error table, and its sentence: why it did not come. */
  code: z.string(),
  message: z.string(),
});
export type MissingImage = z.infer<typeof missingImageSchema>;
