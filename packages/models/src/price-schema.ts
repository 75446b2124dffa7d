import { z } from "zod";

/**
 * Integer millionths of a dollar. A thousand dollars for one unit is a slip of the pen, and the limit keeps every sum of an
 * outcome within the integers that a double holds exactly.
 */
const micros = z
  .int({ error: "expected an integer number of micros" })
  .min(0, { error: "expected micros of at least 0" })
  .max(1_000_000_000, { error: "expected at most 1000000000 micros (1000 dollars)" });

/** The kinds of tokens that a provider prices. What was cached is a part of the input, at a price of its own. */
const tokenPricesSchema = z
  .strictObject({
    textInput: micros,
    cachedTextInput: micros,
    imageInput: micros,
    cachedImageInput: micros,
    textOutput: micros,
    imageOutput: micros,
  })
  .partial();
export type TokenKind = keyof z.infer<typeof tokenPricesSchema>;

/** What 1,000 tokens of the model that writes an SVG cost. Reasoning is a part of its output. */
const svgAuthorSchema = z.strictObject({ input: micros, output: micros });

/** What an outcome costs. A price that is absent is unknown; an explicit 0 is free of charge. */
export const pricesSchema = z.strictObject({
  /**
   * By quality, then by size: `1024x1024`, or `<=2601123` for every size of at most so many pixels. `any` stands for every quality or
   * size that has no entry of its own.
   */
  perImageMicros: z.record(z.string(), z.record(z.string(), micros)).optional(),
  per1kTokensMicros: tokenPricesSchema.optional(),
  /** By the author's model. OpenAI bills an SVG's author apart from the image that the SVG is drawn after. */
  svgAuthorsPer1kTokensMicros: z.record(z.string(), svgAuthorSchema).optional(),
});
export type Prices = z.infer<typeof pricesSchema>;
