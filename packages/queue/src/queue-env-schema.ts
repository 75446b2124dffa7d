import { z } from "zod";

/** The environment variables of every process that speaks to the queue. */
export const queueEnvSchema = z.object({
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: "must look like redis://host:6379, or rediss:// for TLS" })
    .default("redis://127.0.0.1:6379")
    .describe("The Redis that holds records and lanes. It must be set to `maxmemory-policy noeviction`."),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, "must be 1 to 32 of a-z, 0-9 and '-'")
    .default("darkroom")
    .describe("Begins every key in Redis, so that installations can share a server."),
  RETENTION_SECONDS: z.coerce
    .number("must be a number of seconds")
    .int("must be a whole number of seconds")
    .min(60, "must be at least 60")
    .default(86_400)
    .describe("How long the record of an ended generation is kept. A day, by default."),
  REDIS_REQUIRE_NOEVICTION: z
    .stringbool("must be true or false")
    .default(true)
    .describe("`false`: an evicting Redis is a warning instead of a refusal to start."),
});
