import { z } from "zod";
import { microsSchema } from "./money.ts";

/** What a day, a model or a key came to, as `GET /v1/usage` tells it. A dimension that was not asked for is absent. */
export const usageRowSchema = z.object({
  object: z.literal("usage"),
  /** A day of UTC, `2026-11-22`: the one on which the generations ended. */
  day: z.iso.date().optional(),
  tenant: z.string(),
  key_id: z.string().optional(),
  model: z.string().optional(),
  /** How many generations ended in which way. */
  generations: z.object({ succeeded: z.int(), failed: z.int(), canceled: z.int(), expired: z.int() }),
  /** Images that were delivered. */
  images: z.int(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  /** Micros. Endings whose cost is unknown are not in it: they are counted in `unpriced`. */
  cost: microsSchema,
  /** Generations that delivered images for which no price is configured. */
  unpriced: z.int(),
  /**
   * Micros that budgets were charged beyond `cost`: what was reserved for generations that delivered nothing and that a provider may have
   * charged for, and for unpriced ones. Absent: none.
   */
  unbilled: microsSchema.optional(),
  /** What providers have probably charged, in micros, as far as it is known. Only the admin is told. */
  provider_cost: microsSchema.optional(),
  /** Generations that are not in it: the provider has no price here, or may have charged for what it did not deliver. For the admin. */
  provider_cost_unknown: z.int().optional(),
});
export type UsageRow = z.infer<typeof usageRowSchema>;
