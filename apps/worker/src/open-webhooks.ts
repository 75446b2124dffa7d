import { createKeyStore, createRedisKeys } from "@darkroom/accounts";
import type { Logger, CloseList } from "@darkroom/runtime";
import { createBatchStore, showBatch } from "@darkroom/batches";
import {
  createWebhookDispatcher,
  createWebhookStore,
  createWebhookWorker,
  batchEvent,
  createWebhookHttp,
  generationEvent,
  postWebhook,
  type webhookEnvSchema,
  webhookSchedule,
  webhookSecret,
} from "@darkroom/webhooks";
import { createShowEnded, type QueueWorker } from "@darkroom/generations";
import { configuredCatalogue, type ModelsSettings } from "@darkroom/models";
import type { ObjectStore } from "@darkroom/storage";
import type { WorkerConfig } from "./config.ts";

/** Deliveries at a time: they mostly wait. One receiver that hangs for its 15 s holds at most four. */
const concurrency = 50;
const perOrigin = 4;

type WebhooksConfig = Pick<
  WorkerConfig,
  | keyof typeof webhookEnvSchema.shape
  | keyof ModelsSettings
  | "LINK_TTL_SECONDS"
  | "QUEUE_PREFIX"
  | "LOCK_DURATION_MS"
  | "STALLED_INTERVAL_MS"
>;

export type OpenWebhooksOptions = {
  config: WebhooksConfig;
  queue: Pick<QueueWorker, "connection" | "lanes" | "generations">;
  objects: Pick<ObjectStore, "link">;
  log: Logger;
  closes: CloseList;
};

/** Delivers webhooks, where a signing secret is set. */
export async function openWebhooks({ config, queue, objects, log, closes }: OpenWebhooksOptions): Promise<void> {
  const masters = [config.WEBHOOK_SIGNING_SECRET, config.WEBHOOK_PREVIOUS_SIGNING_SECRET].filter(
    (master) => master !== undefined,
  );
  if (masters.length === 0) return;

  const http = createWebhookHttp({
    allowPrivate: config.WEBHOOK_ALLOW_PRIVATE,
    allowInsecure: config.WEBHOOK_ALLOW_INSECURE,
  });
  closes.add("the webhook connections", () => http.close());
  const catalogue = configuredCatalogue(config);
  const showEnded = createShowEnded({ catalogue, objects, linkTtlSeconds: config.LINK_TTL_SECONDS });
  const { lanes, generations } = queue;
  const { redis, keys } = queue.connection;
  const subjects = { generations, batches: createBatchStore(redis, keys) };
  const keyStore = createKeyStore(redis, createRedisKeys(config.QUEUE_PREFIX));
  const webhooks = createWebhookStore(redis, keys);

  const dispatcher = createWebhookDispatcher({ redis, keys, ...subjects, webhooks, lanes, log });
  closes.add("the outbox of webhooks", () => dispatcher.close());
  const worker = createWebhookWorker({
    redis,
    keys,
    ...subjects,
    webhooks,
    concurrency,
    perOrigin,
    schedule: (attempt) => webhookSchedule(attempt, Math.random),
    lockDurationMs: config.LOCK_DURATION_MS,
    stalledIntervalMs: config.STALLED_INTERVAL_MS,
    post: async ({ id, url, keyId }, { kind, record }, signal) => {
      const payload = kind === "batch" ? batchEvent(showBatch(record)) : generationEvent(await showEnded(record));
      const versions = await keyStore.webhookSecretVersions(keyId);
      const secrets = masters.flatMap((master) => versions.map((version) => webhookSecret(master, keyId, version)));
      return postWebhook({ url, id, sentAtMs: Date.now(), payload, secrets, signal }, http);
    },
    log,
  });
  closes.add("the webhook worker", () => worker.close());
  await worker.ready();
}
