import { svgUsageSchema, usageSchema } from "@darkroom/contracts";
import { z } from "zod";

/** One image in the object store. */
const storedImageSchema = z.object({
  /** Position within the request, from 0. */
  index: z.int(),
  key: z.string(),
  /** Size in bytes. A later attempt compares it to check that the object is complete. */
  bytes: z.int(),
  /** Of the bytes, in hexadecimal. Absent from records of older releases. */
  sha256: z.string().optional(),
  mediaType: z.string(),
  width: z.int(),
  height: z.int(),
  revisedPrompt: z.string().optional(),
  /** As the upstream resolved it. Absent where only the delivery has it, or it is unknown. */
  quality: z.string().optional(),
});
export type StoredImage = z.infer<typeof storedImageSchema>;

/**
 * What a provider delivered: references and numbers, never bytes. It is written to the record before the first upload, so that a worker that
 * takes over knows what was bought, and again, complete, with the ending.
 */
export const deliverySchema = z.object({
  /** The adapter that served it. */
  provider: z.string(),
  images: z.array(storedImageSchema),
  background: z.string().optional(),
  /**
   * What the deployments that served it charge, in micros, where a deployment did; null where it is not known. Absent: the terms of the
   * generation say it.
   */
  providerCostMicros: z.int().nullable().optional(),
  /** For images without one of their own, as those of older releases. */
  quality: z.string().optional(),
  /** The tokens of `images`; absent where they are not known. */
  usage: usageSchema.optional(),
  /** The tokens of the author of an SVG, also where the SVG itself was lost: its provider charges for them. */
  svgUsage: svgUsageSchema.optional(),
  /**
   * How many images the provider's answers had, and the tokens of all of them, which it charges for. Absent where all were delivered.
   */
  drawn: z.object({ images: z.int(), usage: usageSchema.optional() }).optional(),
});
export type Delivery = z.infer<typeof deliverySchema>;
