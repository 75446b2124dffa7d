import { redisUrlSchema } from "@darkroom/redis";
import { secretSetting, wholeNumber } from "@darkroom/runtime";
import { z } from "zod";
import type { QueuePlace } from "./queue-connection.ts";
import type { Retention } from "./records/retention.ts";

const secondsPerYear = 31_536_000;

/** The environment variables of every process that speaks to the queue. */
export const queueEnvSchema = z.object({
  // It may have a password in it.
  REDIS_URL: secretSetting(
    redisUrlSchema
      .default("redis://127.0.0.1:6379")
      .describe(
        "The Redis that holds records and lanes, or Sentinels or nodes of a cluster that know it. It must be set to `maxmemory-policy noeviction`.",
      ),
  ),
  QUEUE_PREFIX: z
    .string()
    .regex(
      /^([a-z0-9-]{1,32}|\{[a-z0-9-]{1,32}\})$/,
      "must be 1 to 32 of a-z, 0-9 and '-', with or without braces around them",
    )
    .default("darkroom")
    .describe(
      "Begins every key in Redis, so that installations can share a server. In Cluster mode it must be in braces: `{darkroom}`.",
    ),
  RETENTION_SECONDS: wholeNumber(60, secondsPerYear)
    .default(86_400)
    .describe("How long an ended generation is kept, its images included. A day, by default."),
  IDEMPOTENCY_SECONDS: wholeNumber(60, secondsPerYear)
    .default(86_400)
    .describe(
      "How long an idempotency key stands for its generation after that has ended, at most RETENTION_SECONDS. Before, it always does.",
    ),
  TOMBSTONE_SECONDS: wholeNumber(0, secondsPerYear)
    .default(604_800)
    .describe("How long the owner of a removed generation gets `expired` instead of `not_found`."),
  REDIS_REQUIRE_NOEVICTION: z
    .stringbool("must be true or false")
    .default(true)
    .describe("`false`: an evicting Redis is a warning instead of a refusal to start."),
});

/**
 * The settings of `openProducer` and `openWorker`. A claim is kept at most as long as its record, because without a record it is useless.
 */
export function queueSettings(settings: z.output<typeof queueEnvSchema>): QueuePlace & { retention: Retention } {
  const { RETENTION_SECONDS, IDEMPOTENCY_SECONDS, TOMBSTONE_SECONDS } = settings;
  return {
    redisUrl: settings.REDIS_URL,
    prefix: settings.QUEUE_PREFIX,
    requireNoEviction: settings.REDIS_REQUIRE_NOEVICTION,
    retention: {
      recordsMs: RETENTION_SECONDS * 1_000,
      claimsMs: Math.min(IDEMPOTENCY_SECONDS, RETENTION_SECONDS) * 1_000,
      tombstonesMs: Math.max(TOMBSTONE_SECONDS * 1_000, 1),
    },
  };
}
