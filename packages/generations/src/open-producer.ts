import type { BillUndelivered } from "@darkroom/accounts";
import { createLanes, queuePosition } from "@darkroom/queue";
import {
  checkRedis,
  connectProducer,
  connectReplicaWait,
  connectSubscriber,
  createFleet,
  createKeys,
  createMemoryGuard,
  createReplicaWait,
  createTenantMemory,
  createWriteProbe,
  type ReplicaWait,
  untilConnected,
} from "@darkroom/redis";
import type { CloseList, Logger } from "@darkroom/runtime";
import { createOperator } from "./operator/operator.ts";
import type { QueueConnection, QueuePlace } from "./queue-connection.ts";
import { createGenerationStore, type GenerationStore } from "./records/generation-store.ts";
import type { Retention } from "./records/retention.ts";
import { createSubmitter } from "./submit-generation.ts";
import { createEndingWaits } from "./waiting/ending-waits.ts";

const noReplicas = { replicas: 0, timeoutMs: 0 };

/** Redis has answered its check a moment before. */
const connectWithinMs = 10_000;

export type ProducerOptions = {
  retention: Retention;
  /** What is billed for a new generation that delivers nothing and for which a provider may have charged. */
  billUndelivered?: BillUndelivered;
  /** Resolves when a key of Redis is on as many replicas as are wanted. Absent: none is wanted. */
  waitForReplicas?: ReplicaWait | undefined;
  log: Logger;
};

/** The parts that accept generations and read them, on a connection that is open. Close `lanes` when they are done with. */
export function createProducer({ redis, keys }: QueueConnection, options: ProducerOptions) {
  const { retention, billUndelivered, waitForReplicas, log } = options;
  const generations = createGenerationStore({ redis, keys, retention });
  const lanes = createLanes(redis, keys);
  return {
    generations,
    lanes,
    submit: createSubmitter({
      generations,
      billUndelivered,
      waitForReplicas: waitForReplicas && (async (id) => waitForReplicas(keys.record(id))),
      log,
    }),
    /** The position of a queued generation: see `queuePosition`. */
    findPosition: (record: { id: string; lane: string }) => queuePosition({ redis, keys, lanes }, record),
  };
}

export type OpenProducerOptions = Omit<ProducerOptions, "waitForReplicas"> &
  QueuePlace & {
    /** On how many replicas of Redis a submission must be before it is acknowledged, and how long they are waited for. 0 replicas: it need not. */
    replication?: { replicas: number; timeoutMs: number };
    /** Names this process for the replies that it waits for. No two processes may share it. */
    instance: string;
    /** Is given the close of each part as soon as it is open. */
    closes: CloseList;
  };

/**
 * Opens the queue for a process that submits generations and waits for them. Rejects with a sentence when Redis is away or cannot be
 * used. `connection` is for the stores that lie in the same Redis: accounts, batches, webhooks. `readConnection` is for what of them clients
 * read, and for files and the ledger.
 */
export async function openProducer({ instance, closes, replication = noReplicas, ...options }: OpenProducerOptions) {
  const { redisUrl, prefix, requireNoEviction, log } = options;
  const keys = createKeys(prefix);
  await checkRedis(redisUrl, { names: keys.probe, requireNoEviction, log });

  const onError = (error: Error) => log.warn({ err: error }, "The connection to Redis reports an error");
  const redis = connectProducer(redisUrl, onError);
  closes.add("the connection to Redis", () => redis.disconnect());
  const reader = connectProducer(redisUrl, onError);
  closes.add("the connection to Redis for reads", () => reader.disconnect());
  const subscriber = connectSubscriber(redisUrl, onError);
  closes.add("the reply channel's connection", () => subscriber.disconnect());
  await Promise.all([redis, reader, subscriber].map(async (one) => untilConnected(one, connectWithinMs)));

  const connection = { redis, keys };
  const waitForReplicas = await openReplicaWait();
  const producer = createProducer(connection, { ...options, waitForReplicas });
  closes.add("the lanes", () => producer.lanes.close());
  // What is only read has a connection of its own: an answer of a megabyte holds up all answers behind it.
  const readConnection = { redis: reader, keys };
  const reading = createProducer(readConnection, options);
  closes.add("the lanes that are only read", () => reading.lanes.close());
  const waits = await createEndingWaits({ redis, subscriber, keys, instance });
  closes.add("the reply channel", () => waits.close());
  const memoryGuard = createMemoryGuard({ redis, tenantMemory: keys.tenantMemory, log });
  closes.add("the memory guard", () => memoryGuard.close());

  async function openReplicaWait(): Promise<ReplicaWait | undefined> {
    const { replicas, timeoutMs } = replication;
    if (replicas === 0) return undefined;
    const own = connectReplicaWait(redisUrl, timeoutMs, onError);
    closes.add("the connection to Redis that waits for replicas", () => own.disconnect());
    await untilConnected(own, connectWithinMs);
    return createReplicaWait({ redis: own, mark: keys.replicated, replicas, timeoutMs });
  }

  return {
    ...producer,
    /** Resolves when a key of Redis is on as many replicas as are wanted. Undefined: none is wanted. */
    waitForReplicas,
    connection,
    readConnection,
    /** What clients look up, on that connection. */
    reads: { generations: reading.generations as GenerationReads },
    /** About how many bytes of Redis each tenant's generations take, in the whole fleet. */
    tenantMemory: createTenantMemory({ redis: reader, name: keys.tenantMemory }),
    findPosition: reading.findPosition,
    /** What the operator looks at, on the connection for reads. */
    operator: createOperator({ ...readConnection, lanes: reading.lanes, fleet: createFleet(readConnection) }),
    /** The processes of the installation, and what the operator tells them. */
    fleet: createFleet(connection),
    waits,
    memoryGuard,
    /** What keeps Redis from taking writes, as a sentence; null when it takes them. */
    findFault: createWriteProbe({
      redis,
      names: keys.probe,
      onRefusal: (error, sentence) => log.warn({ err: error }, sentence),
    }),
  };
}

/** Generations as clients look them up. */
type GenerationReads = Pick<GenerationStore, "read" | "readTombstone" | "list">;

/** The queue as a process sees it that submits generations. It carries no connection: what needs one is opened with it. */
export type Producer = Omit<Awaited<ReturnType<typeof openProducer>>, "connection" | "readConnection">;
