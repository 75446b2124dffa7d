import type { ImageRequest } from "@darkroom/contracts";
import { z } from "zod";
import { upstreamSchema } from "@darkroom/generations";

/** A line of a batch that was found right, as it waits in the object store to be put on its lane. */
export const preparedLineSchema = z.object({
  /** Its place among the lines of the batch, from 0. */
  index: z.int().min(0),
  custom_id: z.string(),
  /** Checked in full when the line was prepared: to do it again was most of what reading a line costs, in time and in garbage. */
  request: z.custom<ImageRequest>((value) => typeof value === "object" && value !== null),
  upstream: upstreamSchema,
  /** What it will be billed by: `@darkroom/models` reads it. */
  terms: z.record(z.string(), z.unknown()),
  /** Images that it asks for. */
  images: z.int().min(1),
  /** The most that it can cost, in micros; null where a price is missing. */
  worst: z.int().min(0).nullable(),
});
export type PreparedLine = z.infer<typeof preparedLineSchema>;
