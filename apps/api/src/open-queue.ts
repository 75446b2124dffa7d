import {
  batchesLanes,
  type BatchProducer,
  type BatchStore,
  createBatchProducer,
  createBatchStore,
} from "@darkroom/batches";
import { type DeploymentFigures, readDeploymentFigures } from "@darkroom/deployments/figures";
import { openProducer, type Producer, type queueEnvSchema, queueSettings } from "@darkroom/generations";
import type { Catalogue } from "@darkroom/models";
import { createQuarantine, type Quarantine } from "@darkroom/redis";
import { laneName } from "@darkroom/queue";
import type { CloseList, Logger } from "@darkroom/runtime";
import { createWebhookStore, type WebhookStore } from "@darkroom/webhooks";
import type { ApiConfig } from "./config.ts";

export type OpenQueueOptions = {
  config: Pick<
    ApiConfig,
    | keyof typeof queueEnvSchema.shape
    | "INSTANCE"
    | "BILL_UNDELIVERED"
    | "REDIS_WAIT_REPLICAS"
    | "REDIS_WAIT_TIMEOUT_MS"
  >;
  catalogue: Pick<Catalogue, "models" | "noted">;
  log: Logger;
  closes: CloseList;
};

/**
 * The queue as the routes see it: generations, batches and webhooks, and no connection. `reads` is for routes that only read: it has a
 * connection to Redis of its own, so that a large answer holds up no submission and no caller that waits for an image.
 */
export type Queue = Omit<Producer, "reads"> &
  BatchProducer & {
    webhooks: WebhookStore;
    /** What workers could not deal with. */
    quarantine: Quarantine;
    /** How a deployment of the workers' file stands. */
    readDeployment: (name: string) => Promise<DeploymentFigures>;
    reads: Producer["reads"] & {
      batches: Pick<BatchStore, "read" | "list">;
      webhooks: Pick<WebhookStore, "list" | "listAll">;
    };
  };

/**
 * Opens the queue with what lies on it. Rejects with a sentence when Redis is away or cannot be used. `connection` is for what keeps its own
 * in the same Redis: accounts. `readConnection` is for files and the ledger.
 */
export async function openQueue({ config, catalogue, log, closes }: OpenQueueOptions) {
  const settings = queueSettings(config);
  const billUndelivered = config.BILL_UNDELIVERED;
  const replication = { replicas: config.REDIS_WAIT_REPLICAS, timeoutMs: config.REDIS_WAIT_TIMEOUT_MS };
  const opened = await openProducer({
    ...settings,
    instance: config.INSTANCE,
    replication,
    billUndelivered,
    log,
    closes,
  });
  const { connection, readConnection, ...producer } = opened;
  const { lanes, waitForReplicas } = producer;
  const { claimsMs } = settings.retention;
  const batches = createBatchProducer(connection, {
    lanes,
    claimsMs,
    billUndelivered,
    catalogue: catalogue.noted,
    waitForReplicas,
    log,
  });
  const queue: Queue = {
    ...producer,
    ...batches,
    webhooks: createWebhookStore(connection.redis, connection.keys),
    quarantine: createQuarantine({ ...connection, log }),
    readDeployment: (name) => readDeploymentFigures(readConnection, name),
    reads: {
      ...producer.reads,
      batches: createBatchStore(readConnection.redis, readConnection.keys),
      webhooks: createWebhookStore(readConnection.redis, readConnection.keys),
    },
  };
  // A lane that is first used while Redis is away cannot be opened.
  const interactive = catalogue.models.map(({ provider }) => laneName(provider, "interactive"));
  await lanes.open(new Set([...batchesLanes, ...interactive]));
  return { queue, connection, readConnection };
}
