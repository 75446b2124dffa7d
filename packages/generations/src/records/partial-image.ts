import { z } from "zod";

/** A partial image of a generation that is being drawn: a reference, never bytes. */
export const partialImageSchema = z.object({
  /** The index of the image within the request, from 0. */
  index: z.int(),
  /** The number of the partial among those of its image, from 0. */
  partialIndex: z.int(),
  key: z.string(),
  mediaType: z.string(),
  width: z.int(),
  height: z.int(),
});
export type PartialImage = z.infer<typeof partialImageSchema>;
