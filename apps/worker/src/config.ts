import { logEnvSchema } from "@darkroom/observe";
import { type ProviderSettings, readProviderSettings } from "@darkroom/providers";
import { queueEnvSchema } from "@darkroom/queue";
import { type Environment, readSettings } from "@darkroom/settings";
import { type ObjectStoreSettings, objectStoreSettings } from "@darkroom/storage";
import { z } from "zod";

const milliseconds = z.coerce.number("must be a number of milliseconds").int("must be whole milliseconds").min(1);

/** The worker's own environment variables; those of queue, storage, providers and logging are their packages'. */
export const workerEnvSchema = z.object({
  WORKER_CONCURRENCY: z.coerce
    .number("must be a number")
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe(
      "Provider calls at a time on each lane. They mostly wait; what they cost is memory for the images in flight.",
    ),
  WORKER_LANES: z
    .string()
    .regex(
      /^[a-z0-9-]+(\.[a-z]+)?=\d+(,[a-z0-9-]+(\.[a-z]+)?=\d+)*$/,
      "must look like openai.interactive=50,sandbox.interactive=5",
    )
    .optional()
    .describe("Only these lanes, each with its own concurrency. Unset: the lanes of every provider that has a key."),
  WORKER_HOST: z.string().default("127.0.0.1").describe("Where the health port listens."),
  WORKER_PORT: z.coerce
    .number("must be a port number")
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe("Serves `/healthz` and `/readyz`. Unset: no port is opened."),
  SANDBOX_FALLBACK: z
    .stringbool("must be true or false")
    .default(false)
    .describe("`true`: the sandbox draws for providers without a key. For a local stack only."),
  LOCK_DURATION_MS: milliseconds
    .min(500, "must be at least 500")
    .default(30_000)
    .describe(
      "How long a silent worker keeps its jobs. Longer survives a longer Redis outage, shorter recovers sooner.",
    ),
  STALLED_INTERVAL_MS: milliseconds.default(10_000).describe("How often silent workers are looked for."),
  JANITOR_INTERVAL_MS: milliseconds
    .default(10_000)
    .describe("How often lost jobs and expired generations are looked for."),
  UPLOAD_PATIENCE_MS: milliseconds
    .default(300_000)
    .describe("How long images that were bought are kept in memory while the store is away."),
  SHUTDOWN_DEADLINE_MS: milliseconds
    .default(25_000)
    .describe(
      "How long running calls may finish after SIGTERM, before they are given back. Kubernetes kills after 30 s.",
    ),
});

export type WorkerConfig = z.output<typeof workerEnvSchema> &
  z.output<typeof queueEnvSchema> &
  z.output<typeof logEnvSchema> & { storage: ObjectStoreSettings; providers: ProviderSettings };

/** Reads the worker's configuration; throws an error that names every variable at fault. */
export function readConfig(environment: Environment = process.env): WorkerConfig {
  const schema = workerEnvSchema.extend(queueEnvSchema.shape).extend(logEnvSchema.shape);
  return {
    ...readSettings(schema, environment),
    storage: objectStoreSettings(environment),
    providers: readProviderSettings(environment),
  };
}
