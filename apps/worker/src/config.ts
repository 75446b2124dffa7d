import { modelsEnvSchema } from "@darkroom/models";
import { logEnvSchema } from "@darkroom/runtime";
import { type ProviderSettings, readProviderSettings } from "@darkroom/providers";
import { queueEnvSchema } from "@darkroom/generations";
import { renderingEnvSchema } from "@darkroom/generations";
import { type Environment, readSettings, wholeNumber } from "@darkroom/runtime";
import { type ObjectStoreSettings, objectStoreSettings } from "@darkroom/storage";
import { webhookEnvSchema } from "@darkroom/webhooks";
import { z } from "zod";

/** At most a day: nothing here is meant to take longer. */
const milliseconds = wholeNumber(1, 86_400_000);

/** The worker's own environment variables; those of queue, storage, providers and logging are their packages'. */
export const workerEnvSchema = z.object({
  WORKER_CONCURRENCY: wholeNumber(1, 1_000)
    .default(20)
    .describe(
      "Provider calls at a time on each lane. They mostly wait; what they cost is memory for the images in flight.",
    ),
  WORKER_LANES: z
    .string()
    .regex(
      /^[a-z0-9-]+(\.[a-z]+)?=\d+(,[a-z0-9-]+(\.[a-z]+)?=\d+)*$/,
      "must look like openai.interactive=50,openai.batch=20",
    )
    .optional()
    .describe(
      "Only these lanes, each with its own concurrency. Unset: the `interactive` and the `batch` lane of every provider that has a key.",
    ),
  BATCH_WINDOW: wholeNumber(10, 100_000)
    .default(2_000)
    .describe(
      "How many lines of batches are in Redis at a time for each batch lane, some 2 KB each. More than all workers together draw in a second.",
    ),
  BATCH_NICENESS: wholeNumber(0, 19)
    .default(10)
    .describe(
      "How far a worker that has batch lanes alone stands back where others want the same core, as `nice` counts it: 10 leaves it a tenth.",
    ),
  WORKER_HOST: z.string().default("127.0.0.1").describe("Where the health port listens."),
  WORKER_PORT: wholeNumber(0, 65_535)
    .optional()
    .describe("Serves `/healthz`, `/readyz` and `/metrics`. Unset: no port is opened."),
  SANDBOX_FALLBACK: z
    .stringbool("must be true or false")
    .default(false)
    .describe("`true`: the sandbox draws for providers without a key. For a local stack only."),
  LOCK_DURATION_MS: wholeNumber(500, 3_600_000)
    .default(30_000)
    .describe(
      "How long a silent worker keeps its jobs. Longer survives a longer Redis outage, shorter recovers sooner.",
    ),
  STALLED_INTERVAL_MS: milliseconds.default(10_000).describe("How often silent workers are looked for."),
  RECOVERY_INTERVAL_MS: milliseconds
    .default(10_000)
    .describe("How often lost jobs, and generations and files that have expired, are looked for."),
  AUDIT_KEYS_PER_SECOND: wholeNumber(100, 1_000_000)
    .default(2_000)
    .describe(
      "How many keys are looked at to find what was lost beside the records: 2,000 a second are 2 % of Redis, a million keys in 8 minutes.",
    ),
  LEDGER_EXPORT_INTERVAL_MS: milliseconds
    .default(60_000)
    .describe("How often the ledger is looked through for entries to move from Redis to the object store."),
  UPLOAD_PATIENCE_MS: milliseconds
    .default(300_000)
    .describe("How long images that were bought are held and sent again while the store does not take them."),
  SPOOL_DIRECTORY: z
    .string()
    .optional()
    .describe(
      "Where images are held that the store does not take, once they have 256 MB of memory: at most 4 GB, of which a crash leaves nothing. Unset: the system's temporary folder.",
    ),
  SHUTDOWN_DEADLINE_MS: milliseconds
    .default(370_000)
    .describe(
      "How long running calls may finish after SIGTERM, before they are given back: what is given back is bought again. By default as long as the longest call (PROVIDER_TOTAL_TIMEOUT_MS) and its upload. Whatever stops the worker must wait 15 s longer: `terminationGracePeriodSeconds: 400` in Kubernetes, `stop_grace_period: 400s` in Compose.",
    ),
});

export type WorkerConfig = z.output<typeof workerEnvSchema> &
  z.output<typeof queueEnvSchema> &
  z.output<typeof modelsEnvSchema> &
  z.output<typeof renderingEnvSchema> &
  z.output<typeof webhookEnvSchema> &
  z.output<typeof logEnvSchema> & { storage: ObjectStoreSettings; providers: ProviderSettings };

/** Reads the worker's configuration; throws an error that names every variable at fault. */
export function readConfig(environment: Environment = process.env): WorkerConfig {
  const schema = workerEnvSchema.extend({
    ...queueEnvSchema.shape,
    ...modelsEnvSchema.shape,
    ...renderingEnvSchema.shape,
    ...webhookEnvSchema.shape,
    ...logEnvSchema.shape,
  });
  return {
    ...readSettings(schema, environment),
    storage: objectStoreSettings(environment),
    providers: readProviderSettings(environment),
  };
}
