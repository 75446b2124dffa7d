import { type Environment, readSettings } from "@darkroom/runtime";
import { z } from "zod";

const schema = z.object({
  PORT: z.coerce.number().int(),
  /** Of one picture, nearly. */
  IMAGE_BYTES: z.coerce.number().int().min(1),
  /** Links in place of base64. */
  AS_LINKS: z.stringbool(),
});

/** Reads what the upstream of the bench is started with. */
export const readConfig = (environment: Environment = process.env): z.output<typeof schema> =>
  readSettings(schema, environment);
