import { randomBytes } from "node:crypto";
import { modelsEnvSchema } from "@darkroom/models";
import { logEnvSchema, type Environment, readSettings, wholeNumber } from "@darkroom/runtime";
import { imageDecodings, type ProviderSettings, readProviderSettings, usualImageDecoding } from "@darkroom/providers";
import { queueEnvSchema, renderingEnvSchema } from "@darkroom/generations";
import { type ObjectStoreSettings, objectStoreSettings } from "@darkroom/storage";
import { tracingEnvSchema } from "@darkroom/tracing";
import { webhookEnvSchema } from "@darkroom/webhooks";
import { z } from "zod";

/** At most a day: nothing here is meant to take longer. */
const milliseconds = wholeNumber(1, 86_400_000);

const mebibyte = 1024 * 1024;

/** The worker's own environment variables; those of queue, storage, providers and logging are their packages'. */
export const workerEnvSchema = z.object({
  WORKER_CONCURRENCY: wholeNumber(1, 1_000)
    .default(20)
    .describe("Concurrent provider calls on each lane. They mostly wait; each takes memory for its images in flight."),
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
      "How many lines of batches are in Redis at a time for each batch lane, some 2 KB each. Set more than all workers together draw in a second.",
    ),
  BATCH_NICENESS: wholeNumber(0, 19)
    .default(10)
    .describe(
      "By how much a worker that has only batch lanes lowers its priority on a shared core, as `nice` counts it: 10 leaves it a tenth.",
    ),
  WEBHOOK_CONCURRENCY: wholeNumber(1, 1_000)
    .default(200)
    .describe(
      "Webhooks that the worker posts at a time. They mostly wait. One tenant has at most a quarter of those that are free, one receiver four at first and 32 where it accepts them quickly.",
    ),
  WORKER_NAME: z
    .string()
    .regex(/^[\w.-]{1,100}$/, "must be 1 to 100 letters, digits and . _ -")
    .default(() => `worker-${randomBytes(3).toString("hex")}`)
    .describe(
      "The name of this process, by which the operator sees it and drains it. No two processes may share it. Unset: random.",
    ),
  WORKER_HOST: z.string().default("127.0.0.1").describe("The address on which the health port listens."),
  WORKER_PORT: wholeNumber(0, 65_535)
    .optional()
    .describe("Serves `/healthz`, `/readyz` and `/metrics`. Unset: no port is opened."),
  DEPLOYMENTS_FILE: z
    .string()
    .optional()
    .describe(
      "A YAML file that lists several upstreams of a model, with their keys, limits and prices. It is read again every two seconds.",
    ),
  SANDBOX_FALLBACK: z
    .stringbool("must be true or false")
    .default(false)
    .describe("`true`: the sandbox draws for providers without a key. For a local stack only."),
  LOCK_DURATION_MS: wholeNumber(500, 3_600_000)
    .default(30_000)
    .describe(
      "How long a silent worker keeps its jobs. A longer time survives a longer Redis outage, a shorter one recovers sooner.",
    ),
  STALLED_INTERVAL_MS: milliseconds
    .default(10_000)
    .describe("How often each lane is checked for jobs of silent workers, by one worker of the fleet."),
  RECOVERY_INTERVAL_MS: milliseconds
    .default(10_000)
    .describe("How often the worker looks for lost jobs, and for expired generations, batches and files."),
  REMOVE_IMAGES: z
    .stringbool("must be true or false")
    .default(true)
    .describe(
      "`false`: workers drop the records of generations and batches that are not kept any more, and a lifecycle rule of the bucket removes the images, all of which are below `_images/`.",
    ),
  AUDIT_KEYS_PER_SECOND: wholeNumber(100, 1_000_000)
    .default(2_000)
    .describe(
      "How many Redis keys the audit reads a second to find what was lost beside the records: 2,000 a second take 2 % of Redis, and a million keys take 8 minutes.",
    ),
  LEDGER_EXPORT_INTERVAL_MS: milliseconds
    .default(60_000)
    .describe("How often the worker looks for ledger entries to move from Redis to the object store."),
  UPLOAD_PATIENCE_MS: milliseconds
    .default(300_000)
    .describe(
      "How long the worker sends, or asks for, a bought image again that the store refuses while it takes others. A store that refuses everything is waited for without a limit.",
    ),
  IMAGE_DECODING: z
    .enum(imageDecodings)
    .default(usualImageDecoding)
    .describe(
      "Which images are decoded once before they are stored, to see whether a caller can show them: `always` every one, `without-checksums` all but PNGs whose checksums are right, `incomplete` of those no JPEG, WebP and GIF that reaches its end mark. An image of 2 MB takes 15 ms of CPU time more when it is decoded, and the two processes that decode have 170 MB each.",
    ),
  SPOOL_DIRECTORY: z
    .string()
    .optional()
    .describe(
      "Where images wait on disk until they are stored, where they find no room in memory (SPOOL_KEPT_BYTES), and small ones that the store refuses, once they use 256 MB of memory. A crash leaves nothing there. A folder in memory makes images take memory. Unset: the system's temporary folder.",
    ),
  SPOOL_BYTES: wholeNumber(mebibyte, 1_000_000 * mebibyte)
    .default(4_096 * mebibyte)
    .describe(
      "How much images may take in SPOOL_DIRECTORY, in bytes. Replies of providers that find no room are not read on for up to 30 s. 4 GiB are a thousand images of 4 MB.",
    ),
  SPOOL_KEPT_BYTES: wholeNumber(0, 1_000_000 * mebibyte)
    .default(16 * mebibyte)
    .describe(
      "How much images may take in memory on their way to the store, in bytes. What finds no room there is written to SPOOL_DIRECTORY and read again, which costs a fifth more CPU time. 16 MiB are eight images of 2 MB. 0: none.",
    ),
  SPOOL_MEMORY_BYTES: wholeNumber(0, 1_000_000 * mebibyte)
    .default(256 * mebibyte)
    .describe(
      "How much images may take in memory that the disk does not take, because it is full or broken. Replies that find no room wait. After 30 s one call at a time may have more.",
    ),
  SHUTDOWN_DEADLINE_MS: milliseconds
    .default(370_000)
    .describe(
      "How long running calls may finish after SIGTERM before they are handed back. A call that is handed back is bought again. By default as long as the longest call (PROVIDER_TOTAL_TIMEOUT_MS) and its upload. Whatever stops the worker must wait 15 s longer: `terminationGracePeriodSeconds: 400` in Kubernetes, `stop_grace_period: 400s` in Compose.",
    ),
});

export type WorkerConfig = z.output<typeof workerEnvSchema> &
  z.output<typeof queueEnvSchema> &
  z.output<typeof modelsEnvSchema> &
  z.output<typeof renderingEnvSchema> &
  z.output<typeof webhookEnvSchema> &
  z.output<typeof logEnvSchema> &
  z.output<typeof tracingEnvSchema> & {
    storage: ObjectStoreSettings;
    providers: ProviderSettings;
    /** A variable that the deployments file names. */
    readVariable: (name: string) => string | undefined;
  };

/** Reads the worker's configuration; throws an error that names every variable at fault. */
export function readConfig(environment: Environment = process.env): WorkerConfig {
  const schema = workerEnvSchema.extend({
    ...queueEnvSchema.shape,
    ...modelsEnvSchema.shape,
    ...renderingEnvSchema.shape,
    ...webhookEnvSchema.shape,
    ...logEnvSchema.shape,
    ...tracingEnvSchema.shape,
  });
  return {
    ...readSettings(schema, environment),
    storage: objectStoreSettings(environment),
    providers: readProviderSettings(environment),
    readVariable: (name) => environment[name],
  };
}
