import { type Environment, readSettings } from "@darkroom/runtime";
import { type ObjectStoreSettings, objectStoreSettings } from "@darkroom/storage";
import { z } from "zod";

const schema = z.object({
  REDIS_URL: z.url(),
  PORT: z.coerce.number().int(),
  CONCURRENCY: z.coerce.number().int().min(1).default(1),
  /** Whether the worker stores a picture, as Darkroom's does, or only answers. */
  STORES_IMAGES: z.stringbool().default(false),
  /** Where the worker asks for pictures, in OpenAI's format. Unset: it has one. */
  UPSTREAM_URL: z.url().optional(),
});

export type BaselineConfig = z.output<typeof schema> & { storage: ObjectStoreSettings | null };

/** Reads what both processes of the baseline are started with. */
export function readConfig(environment: Environment = process.env): BaselineConfig {
  const config = readSettings(schema, environment);
  return { ...config, storage: config.STORES_IMAGES ? objectStoreSettings(environment) : null };
}
