import { z } from "zod";

/** A caller's own pairs, given back as they came: OpenAI's limits for `metadata`. */
export const metadataSchema = z
  .unknown()
  // zod leaves this key out without a word, and nothing that a caller sends may get lost.
  .refine((pairs) => !Object.hasOwn(Object(pairs), "__proto__"), "must not have the key '__proto__'")
  .pipe(z.record(z.string().max(64, "a key has at most 64 characters"), z.string().max(512)))
  .refine((pairs) => Object.keys(pairs).length <= 16, "must have at most 16 pairs");
