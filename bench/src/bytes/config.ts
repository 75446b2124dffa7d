import { type Environment, readSettings } from "@darkroom/runtime";
import { sharedS3, type TestS3Settings } from "@darkroom/testing";
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

/** The S3 that `TEST_S3_*` names, as for the tests; null where it names none. No container is started: it would take its share of the cores. */
export async function benchS3(environment: NodeJS.ProcessEnv = process.env): Promise<TestS3Settings | null> {
  const { value } = await sharedS3(environment, async () => false);
  return value;
}
