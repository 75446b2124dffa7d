import { z } from "zod";

/**
 * Integer millionths of a dollar. A thousand dollars for one unit is a slip of the pen, and the limit keeps every sum of an
 * outcome within the integers that a double holds exactly.
 */
const micros = z
  .int({ error: "expected an integer number of micros" })
  .min(0, { error: "expected micros of at least 0" })
  .max(1_000_000_000, { error: "expected at most 1000000000 micros (1000 dollars)" });

/** What an outcome costs. A price that is absent is unknown; free of charge is a 0 that somebody wrote. */
export const pricesSchema = z.strictObject({
  /** By quality, then by size as `1024x1024`; `any` stands for every quality or size that has no entry of its own. */
  perImageMicros: z.record(z.string(), z.record(z.string(), micros)).optional(),
  per1kTokensMicros: z
    .strictObject({ textInput: micros, imageInput: micros, textOutput: micros, imageOutput: micros })
    .partial()
    .optional(),
});
export type Prices = z.infer<typeof pricesSchema>;
export type TokenKind = keyof NonNullable<Prices["per1kTokensMicros"]>;
