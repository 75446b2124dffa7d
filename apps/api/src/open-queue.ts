import { batchesLanes, type BatchProducer, createBatchProducer } from "@darkroom/batches";
import { openProducer, type Producer, type queueEnvSchema, queueSettings } from "@darkroom/generations";
import type { Catalogue } from "@darkroom/models";
import { laneName } from "@darkroom/queue";
import type { CloseList, Logger } from "@darkroom/runtime";
import { createWebhookStore, type WebhookStore } from "@darkroom/webhooks";
import type { ApiConfig } from "./config.ts";

export type OpenQueueOptions = {
  config: Pick<ApiConfig, keyof typeof queueEnvSchema.shape | "INSTANCE" | "BILL_UNDELIVERED">;
  catalogue: Pick<Catalogue, "models" | "noted">;
  log: Logger;
  closes: CloseList;
};

/** The queue as the routes see it: generations, batches and webhooks, and no connection. */
export type Queue = Producer & BatchProducer & { webhooks: WebhookStore };

/**
 * Opens the queue with what lies on it. Rejects with a sentence when Redis is away or cannot be used. `connection` is for what keeps its own
 * in the same Redis: accounts and files.
 */
export async function openQueue({ config, catalogue, log, closes }: OpenQueueOptions) {
  const settings = queueSettings(config);
  const billUndelivered = config.BILL_UNDELIVERED;
  const opened = await openProducer({ ...settings, instance: config.INSTANCE, billUndelivered, log, closes });
  const { connection, ...producer } = opened;
  const { lanes } = producer;
  const { claimsMs } = settings.retention;
  const batches = createBatchProducer(connection, {
    lanes,
    claimsMs,
    billUndelivered,
    catalogue: catalogue.noted,
    log,
  });
  const queue: Queue = { ...producer, ...batches, webhooks: createWebhookStore(connection.redis, connection.keys) };
  // A lane that is first used while Redis is away cannot be opened.
  const interactive = catalogue.models.map(({ provider }) => laneName(provider, "interactive"));
  await lanes.open(new Set([...batchesLanes, ...interactive]));
  return { queue, connection };
}
