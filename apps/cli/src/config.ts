import { resolve } from "node:path";
import { type Environment, readSettings } from "@darkroom/settings";
import { z } from "zod";

/** The environment variables of `darkroom start`. Those of the api and the worker are handed on to them. */
export const stackEnvSchema = z.object({
  HOST: z.string().default("127.0.0.1").describe("The address that the api listens on."),
  PORT: z.coerce
    .number("must be a number")
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("The api's port. Unset: 4000, or the next one that is free."),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: "must look like redis://host:6379" })
    .optional()
    .describe("A Redis that runs already. Unset: the stack starts one of its own."),
  REDIS_SERVER: z.string().default("redis-server").describe("The program that the stack starts as its own Redis."),
  STATE_DIRECTORY: z
    .string()
    .optional()
    .describe("Where queue, images, key and logs are kept between runs. Unset: `.darkroom` in the checkout."),
});

const usualStateDirectory = resolve(import.meta.dirname, "../../../.darkroom");

export type StackConfig = {
  /** The address that the api listens on. */
  host: string;
  /** The port somebody asked for; without one, 4000 or the next that is free. */
  port: number | undefined;
  /** A Redis that is already there; without one, the stack runs its own. */
  redisUrl: string | undefined;
  /** The program to run as our own Redis. */
  redisServer: string;
  /** Where everything that must survive a restart is kept. */
  stateDirectory: string;
  /** What the children inherit: provider keys and every setting of theirs. */
  environment: Environment;
};

/** Reads the settings of `darkroom start`. Throws `SettingsError`. */
export function readConfig(environment: Environment = process.env): StackConfig {
  const settings = readSettings(stackEnvSchema, environment);
  return {
    host: settings.HOST,
    port: settings.PORT,
    redisUrl: settings.REDIS_URL,
    redisServer: settings.REDIS_SERVER,
    stateDirectory: resolve(settings.STATE_DIRECTORY ?? usualStateDirectory),
    environment,
  };
}
