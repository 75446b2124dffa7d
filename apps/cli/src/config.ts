import { resolve } from "node:path";
import { redisUrlSchema } from "@darkroom/redis/redis-url";
import { type Environment, readSettings, secretSetting } from "@darkroom/runtime";
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
  REDIS_URL: secretSetting(redisUrlSchema.optional().describe("A running Redis. Unset: the stack starts its own.")),
  REDIS_SERVER: z.string().default("redis-server").describe("The program that the stack starts as its own Redis."),
  STATE_DIRECTORY: z
    .string()
    .optional()
    .describe("Where queue, images, key and logs are kept between runs. Unset: `.darkroom` in the checkout."),
});

/** One word, as it goes into a header. The message does not repeat it. */
const key = z
  .string()
  .trim()
  .regex(/^[!-~]+$/, "must be one word, without blanks");

/** The environment variables of the commands that speak to a running service. They read STATE_DIRECTORY as well. */
export const clientEnvSchema = z.object({
  DARKROOM_URL: z
    .url({ protocol: /^https?$/, error: "must look like https://darkroom.example.com" })
    .optional()
    .describe("The service to connect to. Unset: the one that `darkroom start` runs from this checkout."),
  DARKROOM_ADMIN_KEY: secretSetting(
    key.optional().describe("The admin key of that service. Unset: the local one, for the local service alone."),
  ),
  DARKROOM_API_KEY: secretSetting(
    key
      .optional()
      .describe("A tenant's key, for the tenant's own usage. Unset: the local one, for the local service alone."),
  ),
});

const usualStateDirectory = resolve(import.meta.dirname, "../../../.darkroom");

export type StackConfig = {
  /** The address that the api listens on. */
  host: string;
  /** The port that the user set; without one, 4000 or the next that is free. */
  port: number | undefined;
  /** A Redis that is already there; without one, the stack runs its own. */
  redisUrl: string | undefined;
  /** The program to run as our own Redis. */
  redisServer: string;
  /** Where everything that must survive a restart is kept. */
  stateDirectory: string;
  /** Whether nothing but ours is in it: it is `.darkroom` of the checkout. */
  ownsStateDirectory: boolean;
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
    ownsStateDirectory: settings.STATE_DIRECTORY === undefined,
    environment,
  };
}

export type ClientConfig = {
  url: string | undefined;
  adminKey: string | undefined;
  apiKey: string | undefined;
  /** Where the local stack, if one runs, says how to reach it. */
  stateDirectory: string;
};

/** Reads the settings of the commands that use a service. Throws `SettingsError`. */
export function readClientConfig(environment: Environment = process.env): ClientConfig {
  const { STATE_DIRECTORY } = stackEnvSchema.shape;
  const settings = readSettings(clientEnvSchema.extend({ STATE_DIRECTORY }), environment);
  return {
    url: settings.DARKROOM_URL,
    adminKey: settings.DARKROOM_ADMIN_KEY,
    apiKey: settings.DARKROOM_API_KEY,
    stateDirectory: resolve(settings.STATE_DIRECTORY ?? usualStateDirectory),
  };
}
