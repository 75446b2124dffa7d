import { z } from "zod";

/** `limit` of a list, as a query parameter: OpenAI's 1 to 100, 20 when left out. */
export const limitSchema = z
  .string()
  .regex(/^\d+$/, "must be a whole number from 1 to 100")
  .transform(Number)
  .pipe(z.int().min(1).max(100))
  .default(20);
