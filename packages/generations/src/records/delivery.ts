import { svgUsageSchema, usageSchema } from "@darkroom/contracts";
import { z } from "zod";

/** One image in the object store. */
const storedImageSchema = z.object({
  /** Position within the request, from 0. */
  index: z.int(),
  key: z.string(),
  /** Size in bytes: what a second run compares before it believes that the object is whole. */
  bytes: z.int(),
  mediaType: z.string(),
  width: z.int(),
  height: z.int(),
  revisedPrompt: z.string().optional(),
  /** As the upstream resolved it; absent where only the delivery says it, or nothing does. */
  quality: z.string().optional(),
});
export type StoredImage = z.infer<typeof storedImageSchema>;

/**
 * What a provider delivered: references and numbers, never bytes. Written to the record before the first upload, so that a worker
 * that takes over knows what was bought, and again, complete, with the ending.
 */
export const deliverySchema = z.object({
  /** The adapter that served it. */
  provider: z.string(),
  images: z.array(storedImageSchema),
  background: z.string().optional(),
  /** Of the images that do not say their own: those of older releases do not. */
  quality: z.string().optional(),
  /** The tokens of `images`; absent where they are not known. */
  usage: usageSchema.optional(),
  /** The tokens of the author of an SVG, also where the SVG itself was lost: its provider charges for them. */
  svgUsage: svgUsageSchema.optional(),
  /**
   * How many images the provider's answers had for them, and the tokens of all: what it charges for. Absent where that is what is
   * delivered.
   */
  drawn: z.object({ images: z.int(), usage: usageSchema.optional() }).optional(),
});
export type Delivery = z.infer<typeof deliverySchema>;
