import { endings, imageRequestSchema, microsSchema, derivedUlid } from "@darkroom/contracts";
import { z } from "zod";
import { deliverySchema, missingImageSchema, failureSchema } from "@darkroom/generations";

/**
 * The ULID of a line, by its place in the batch from 0: that of its generation, and of its answer in the output. Every worker that feeds a line
 * makes the same one, so that a Redis that lost its last second, and forgot that it was fed, draws over its images and leaves none
 * behind that no record names.
 */
export const lineUlid = (batchId: string, index: number): string => derivedUlid(batchId, `line ${index}`);

export const lineGenerationId = (batchId: string, index: number): string => `gen_${lineUlid(batchId, index)}`;

/** How a line of a batch ended, as it is kept in the object store until the output is put together. */
export const lineResultSchema = z.object({
  /** Its place among the lines of the batch, from 0. */
  index: z.int().min(0),
  custom_id: z.string(),
  generation: z.string(),
  status: z.enum(endings),
  /** Unix milliseconds, by the clock of Redis. */
  created_at_ms: z.int(),
  ended_at_ms: z.int(),
  /** What of its request its answer depends on. */
  request: imageRequestSchema.pick({
    response_format: true,
    background: true,
    quality: true,
    user: true,
    safety_identifier: true,
  }),
  /** What was brought to the store for it. Of a line that did not succeed it is not shown, but the sweep finds its images by it. */
  delivery: deliverySchema.nullable(),
  /** What was noted as delivered before that, whose objects the sweep removes, too. */
  superseded: z.array(deliverySchema).default([]),
  /** Images that did not come, and why. Results of an earlier release do not say. */
  missing: z.array(missingImageSchema).default([]),
  error: failureSchema.nullable(),
  /** What it cost, in micros; null where a price is missing. */
  cost: microsSchema.nullable(),
});
export type LineResult = z.infer<typeof lineResultSchema>;
