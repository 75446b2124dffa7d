import { z } from "zod";

/** A caller's own pairs, given back as they came: OpenAI's limits for `metadata`. */
export const metadataSchema = z
  .record(z.string().max(64, "a key has at most 64 characters"), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, "must have at most 16 pairs");
