import { z } from "zod";

/** The error object of OpenAI's API: all four keys always, `param` and `code` null where they say nothing. */
export const errorObjectSchema = z.object({
  message: z.string(),
  type: z.string(),
  param: z.string().nullable(),
  code: z.string().nullable(),
});
export type ErrorObject = z.infer<typeof errorObjectSchema>;

export const errorBodySchema = z.object({ error: errorObjectSchema });
export type ErrorBody = z.infer<typeof errorBodySchema>;
