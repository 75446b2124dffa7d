import { z } from "zod";
import { failureSchema } from "./failure.ts";

/**
 * A missing image of a request that no attempt requests again, because the provider refused it or may have charged for it. Each image has
 * its own reason.
 */
export const missingImageSchema = failureSchema.extend({
  /** Position within the request, from 0. */
  index: z.int(),
  /** Whether the provider may have charged for it. */
  mayHaveCharged: z.boolean(),
});
export type MissingImage = z.infer<typeof missingImageSchema>;
