import type { ImageRequest } from "@darkroom/contracts";
import { z } from "zod";
import { upstreamSchema } from "@darkroom/generations";

/** A valid line of a batch. It waits in the object store until it is put on its lane. */
export const preparedLineSchema = z.object({
  /** Its place among the lines of the batch, from 0. */
  index: z.int().min(0),
  custom_id: z.string(),
  /** Checked in full when the line was prepared. A second check was most of the cost of reading a line, in time and in garbage. */
  request: z.custom<ImageRequest>((value) => typeof value === "object" && value !== null),
  upstream: upstreamSchema,
  /** The terms by which it will be billed. `@darkroom/models` reads them. */
  terms: z.record(z.string(), z.unknown()),
  /** Images that it asks for. */
  images: z.int().min(1),
  /** The most that it can cost, in micros; null where a price is missing. */
  worst: z.int().min(0).nullable(),
});
export type PreparedLine = z.infer<typeof preparedLineSchema>;
