import { z } from "zod";
import { failureSchema } from "./failure.ts";

/**
 * An image of a request that did not come and is not asked for again: the provider refused it, or may have charged for it. The reason is
 * the image's own. The next attempt leaves it out.
 */
export const missingImageSchema = failureSchema.extend({
  /** Position within the request, from 0. */
  index: z.int(),
  /** Whether the provider may have charged for it. */
  mayHaveCharged: z.boolean(),
});
export type MissingImage = z.infer<typeof missingImageSchema>;
