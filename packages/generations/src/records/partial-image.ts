import { z } from "zod";

/** A partial image of a generation that is being drawn: a reference, never bytes. */
export const partialImageSchema = z.object({
  /** Which of the request's images it is going to be, from 0. */
  index: z.int(),
  /** Which partial of that image it is, from 0. */
  partialIndex: z.int(),
  key: z.string(),
  mediaType: z.string(),
  width: z.int(),
  height: z.int(),
});
export type PartialImage = z.infer<typeof partialImageSchema>;
