import { type Ending, type ImageRequest, microsSchema, derivedUlid } from "@darkroom/contracts";
import { z } from "zod";
import { deliverySchema, missingImageSchema, failureSchema } from "@darkroom/generations";

/**
 * The ULID of a line, derived from its place in the batch, from 0. Its generation and its answer in the output have it. Every worker that
 * feeds a line derives the same ULID. So when a Redis has lost its last second, and with it that the line was fed, the line overwrites its
 * images and leaves none that no record names.
 */
export const lineUlid = (batchId: string, index: number): string => derivedUlid(batchId, `line ${index}`);

export const lineGenerationId = (batchId: string, index: number): string => `gen_${lineUlid(batchId, index)}`;

/** How a line of a batch ended. It is kept in the object store until the output is written. */
export const lineResultSchema = z.object({
  /** Its place among the lines of the batch, from 0. */
  index: z.int().min(0),
  custom_id: z.string(),
  generation: z.string(),
  /** Written by a script, perhaps of a newer release that has more endings. All but `succeeded` have an error. */
  status: z.custom<Ending>((value) => typeof value === "string"),
  /** Unix milliseconds, by the clock of Redis. */
  created_at_ms: z.int(),
  ended_at_ms: z.int(),
  /**
   * The part of its request on which its answer depends. Checked when it was accepted, and not again: a result that is not read is an image
   * that was paid for and is not delivered.
   */
  request: z.custom<Pick<ImageRequest, "response_format" | "background" | "quality" | "user" | "safety_identifier">>(
    (value) => typeof value === "object" && value !== null,
  ),
  /** The images that were stored for it. They are not shown for a line that did not succeed, but the sweep finds them here. */
  delivery: deliverySchema.nullable(),
  /** Earlier notes of a delivery. The sweep removes their objects, too. */
  superseded: z.array(deliverySchema).default([]),
  /** Images that did not come, and why. Results of an earlier release do not say. */
  missing: z.array(missingImageSchema).default([]),
  error: failureSchema.nullable(),
  /** What it cost, in micros; null where a price is missing. */
  cost: microsSchema.nullable(),
});
export type LineResult = z.infer<typeof lineResultSchema>;
