import type { z } from "zod";

/** OpenAI declares every optional field nullable; an explicit null means "not sent". */
export const optional = <T extends z.ZodType>(schema: T) =>
  schema
    .nullable()
    .transform((value) => value ?? undefined)
    .optional();
