import { z } from "zod";

/** An image that was asked for and did not come, where others of the same request did. */
export const missingImageSchema = z.object({
  /** Its position among the images that were asked for, from 0. */
  index: z.int(),
  /** A code of the error table, and its sentence: why it did not come. */
  code: z.string(),
  message: z.string(),
});
export type MissingImage = z.infer<typeof missingImageSchema>;
