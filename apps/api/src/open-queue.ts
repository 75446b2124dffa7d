import { createRateLimitReader } from "@darkroom/accounts";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";
import type { CloseList } from "@darkroom/runtime";
import { batchesLanes, createBatchCanceler, createBatchStore, createBatchSubmitter } from "@darkroom/batches";
import {
  createEndingWaits,
  createGenerationStore,
  createSubmitter,
  type queueEnvSchema,
  retentionOf,
} from "@darkroom/generations";
import { createKeys, createMemoryGuard } from "@darkroom/redis";
import { createLanes, laneName } from "@darkroom/queue";
import { createWebhookStore } from "@darkroom/webhooks";
import { checkRedis, connectProducer, connectSubscriber, createWriteProbe, untilConnected } from "@darkroom/redis";
import type { ApiConfig } from "./config.ts";

type QueueConfig = Pick<ApiConfig, keyof typeof queueEnvSchema.shape | "INSTANCE" | "BILL_UNDELIVERED">;

/** It has answered a moment ago. */
const connectWithinMs = 10_000;

/** The lanes that calls of this service go on: open them at the start, for one that is first used while Redis is away cannot be opened. */
export const lanesOf = ({ models }: Pick<Catalogue, "models">): Set<string> =>
  new Set([...batchesLanes, ...models.map(({ provider }) => laneName(provider, "interactive"))]);

/** Connects to Redis and builds the queue as a producer sees it. Throws a sentence when Redis is away or not fit for it. */
export async function openQueue(
  config: QueueConfig,
  catalogue: Pick<Catalogue, "noted">,
  log: Logger,
  closes: CloseList,
) {
  const keys = createKeys(config.QUEUE_PREFIX);
  await checkRedis(config.REDIS_URL, { names: keys.probe, requireNoEviction: config.REDIS_REQUIRE_NOEVICTION, log });

  const onError = (error: Error) => log.warn({ err: error }, "The connection to Redis reports an error");
  const redis = connectProducer(config.REDIS_URL, onError);
  closes.add("the connection to Redis", () => redis.disconnect());
  const subscriber = connectSubscriber(config.REDIS_URL, onError);
  closes.add("the reply channel's connection", () => subscriber.disconnect());
  await Promise.all([untilConnected(redis, connectWithinMs), untilConnected(subscriber, connectWithinMs)]);

  const retention = retentionOf(config);
  const store = createGenerationStore(redis, keys, retention);
  const batches = createBatchStore(redis, keys);
  const lanes = createLanes(redis, keys);
  closes.add("the lanes", () => lanes.close());
  const waits = await createEndingWaits({ redis, subscriber, keys, instance: config.INSTANCE });
  closes.add("the reply channel", () => waits.close());
  const memoryGuard = createMemoryGuard({ redis });
  closes.add("the memory guard", () => memoryGuard.close());

  return {
    redis,
    keys,
    store,
    lanes,
    webhooks: createWebhookStore(redis, keys),
    waits,
    memoryGuard,
    readRateLimitUse: createRateLimitReader(redis, keys.root),
    submit: createSubmitter({ store, lanes, billUndelivered: config.BILL_UNDELIVERED, log }),
    batches,
    submitBatch: createBatchSubmitter({
      batches,
      lanes,
      billUndelivered: config.BILL_UNDELIVERED,
      catalogue: catalogue.noted,
      log,
      claimsMs: retention.claimsMs,
    }),
    cancelBatch: createBatchCanceler({ batches, lanes, log }),
    /** What keeps Redis from taking writes, as a sentence; null when it takes them. */
    findFault: createWriteProbe({
      redis,
      names: keys.probe,
      onRefusal: (error, sentence) => log.warn({ err: error }, sentence),
    }),
  };
}

export type OpenQueue = Awaited<ReturnType<typeof openQueue>>;
