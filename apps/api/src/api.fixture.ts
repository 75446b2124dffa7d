import { randomBytes } from "node:crypto";
import { createAccounts, type BillUndelivered, createLedger, hashApiKey } from "@darkroom/accounts";
import type { ImageRequest } from "@darkroom/contracts";
import { createFileStore } from "@darkroom/files";
import { type Catalogue, loadCatalogue } from "@darkroom/models";
import { createLogger, createMetrics, createCloseList } from "@darkroom/runtime";
import type { Work } from "@darkroom/generations";
import { connectWorker } from "@darkroom/redis";
import { createObjectStore, type ObjectStore, type ObjectStoreSettings } from "@darkroom/storage";
import { removeKeys, startTcpProxy, testRedisUrl } from "@darkroom/testing";
import { onTestFinished } from "vitest";
import { buildApp } from "./app.ts";
import { closeServer } from "./close-server.ts";
import { createHeldRequests } from "./limits/held-requests.ts";
import { createDrain } from "./drain.ts";
import { createDisconnects } from "./generation/cancel-on-disconnect.ts";
import type { ResponseFormat } from "./generation/response-format.ts";
import type { DefaultLimits } from "./limits/stored-quota.ts";
import { openQueue, type Queue } from "./open-queue.ts";
import { connectBoard } from "./queue-board/connect-board.ts";
import { createReadiness } from "./readiness.ts";
import type { WebhookSettings } from "./webhook-settings.ts";
import { tidy, workLane } from "./worker.fixture.ts";

export type StartApiOptions = {
  redisUrl?: string;
  /** Reaches Redis over a line that the test can break: `redisLine`. */
  behindProxy?: boolean;
  /** Says that Redis is full for all. */
  full?: boolean;
  /** `none` when left out. */
  billUndelivered?: BillUndelivered;
  syncTimeoutMs?: number;
  defaultResponseFormat?: ResponseFormat;
  storage?: ObjectStoreSettings;
  webhooks?: Partial<WebhookSettings>;
  /** No admin key is configured. */
  withoutAdmin?: boolean;
  /** Shares the queue and the images of another service, as a second instance of it. */
  beside?: { prefix: string; store: ObjectStore };
  /** The clock that files live by. */
  now?: () => Promise<number>;
  /** The origins whose pages may call. */
  corsOrigins?: readonly string[];
  maxHeldRequests?: number;
  maxConnections?: number;
  trustProxy?: boolean;
  stalledAnswerMs?: number;
  maxHeldRequestsPerKey?: number;
  defaultLimits?: Partial<DefaultLimits>;
  /** The models that are served; the built-in ones when left out. */
  catalogue?: Catalogue;
  publicBaseUrl?: string;
  /** How long after the last look at the board of the queues it is closed, in milliseconds. */
  boardIdleMs?: number;
  /** Wraps the store that the service sees. */
  objects?: (store: ObjectStore) => ObjectStore;
};

export const apiKey = "sk-test-of-the-api";
/** The key of another tenant. */
export const otherApiKey = "sk-test-of-another";
export const adminKey = "sk-test-of-the-admin";
const log = createLogger({ name: "api-test", level: "silent", pretty: false });
const builtIn: Catalogue = loadCatalogue();

/** Where links lead; `follow` goes there. The port of the service is not known when its store is made. */
export const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };

const goodHeaders = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };

type CallInit = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };

type Finish = (undo: () => Promise<void>) => void;

/** The whole service on a free port, with a queue of its own on a real Redis, taken down after the test. */
export const startApi = (options: StartApiOptions = {}) => openApi(options, onTestFinished);

/**
 * The same for all tests of a file or a `describe`: call it in `beforeAll` and return its `close` from there, since Vitest runs no
 * `afterAll` that a hook registers.
 */
export async function keepApi(options: StartApiOptions = {}) {
  const undos: Parameters<Finish>[0][] = [];
  const close = async () => {
    for (const undo of undos.splice(0).toReversed()) await undo();
  };
  try {
    const api = await openApi(options, (undo) => void undos.push(undo));
    return Object.assign(api, { close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function openApi(options: StartApiOptions, finish: Finish) {
  const {
    redisUrl = testRedisUrl(),
    syncTimeoutMs = 10_000,
    storage = { storage: "memory", links },
    catalogue = builtIn,
  } = options;
  const prefix = options.beside?.prefix ?? `test-${randomBytes(6).toString("hex")}`;
  const closes = createCloseList(log);
  finish(() => clearRedis(prefix));
  finish(() => closes.closeAll());
  const redisLine = await startTcpProxy(redisUrl);
  closes.add("the line to Redis", () => redisLine.close());
  const {
    queue: opened,
    connection,
    readConnection,
  } = await openQueue({
    config: {
      REDIS_URL: options.behindProxy === true ? redisLine.url : redisUrl,
      QUEUE_PREFIX: prefix,
      INSTANCE: randomBytes(4).toString("hex"),
      RETENTION_SECONDS: 60,
      IDEMPOTENCY_SECONDS: 60,
      TOMBSTONE_SECONDS: 60,
      REDIS_REQUIRE_NOEVICTION: false,
      REDIS_WAIT_REPLICAS: 0,
      REDIS_WAIT_TIMEOUT_MS: 1_000,
      BILL_UNDELIVERED: options.billUndelivered ?? "none",
    },
    catalogue,
    log,
    closes,
  });
  const { redis, keys } = connection;
  let onSubmission: ((id: string) => void) | undefined;
  const queue: Queue = {
    ...opened,
    memoryGuard: {
      ...opened.memoryGuard,
      refusalOf: (tenant) =>
        options.full === true ? { kind: "all", share: 0.9 } : opened.memoryGuard.refusalOf(tenant),
    },
    submit: async (submission) => {
      const { id } = submission;
      return opened.submit(submission).finally(() => onSubmission?.(id));
    },
  };
  const disconnects = createDisconnects({ queue, log, everyMs: 50 });
  closes.add("the disconnects of callers", () => disconnects.close());
  const accounts = createAccounts({ redis, prefix });
  const keyring = await accounts.openKeyring({
    staticKeys: [
      { tenant: "acme", name: "test", hash: hashApiKey(apiKey) },
      { tenant: "other", name: "test", hash: hashApiKey(otherApiKey) },
    ],
    adminKeyHash: options.withoutAdmin === true ? undefined : hashApiKey(adminKey),
    log,
  });
  closes.add("the keyring", () => keyring.close());
  closes.add("the counts of requests", async () => accounts.keyStore.requests.close());
  const drain = createDrain();
  const heldRequests = createHeldRequests({ keyring, maxPerKey: options.maxHeldRequestsPerKey ?? 1_000 });
  const drainedLanes = new Set<string>();
  const store = options.beside?.store ?? createObjectStore(storage);
  const objects = options.objects?.(store) ?? store;

  const files = createFileStore({
    redis: readConnection.redis,
    prefix,
    objects,
    log,
    ...(options.now && { now: options.now }),
  });
  const metrics = createMetrics({ ofProcess: false });
  const queueBoard = connectBoard({
    redisUrl: options.behindProxy === true ? redisLine.url : redisUrl,
    keys,
    operator: queue.operator,
    catalogue,
    publicBaseUrl: options.publicBaseUrl,
    log,
    ...(options.boardIdleMs !== undefined && { idleMs: options.boardIdleMs }),
  });
  closes.add("the board of the queues", () => queueBoard.close());
  const app = buildApp({
    queueBoard,
    metrics,
    catalogue,
    keyring,
    keyStore: accounts.keyStore,
    ledger: createLedger({ redis: readConnection.redis, prefix, objects, log }),
    objects,
    files,
    queue,
    disconnects,
    heldRequests,
    fleet: { isDrained: (lane) => drainedLanes.has(lane) },
    drain,
    readiness: createReadiness({ queue, objects, drain, log }),
    log,
    syncTimeoutMs,
    linkTtlSeconds: 3_600,
    publicBaseUrl: options.publicBaseUrl,
    defaultResponseFormat: options.defaultResponseFormat ?? "both",
    trustProxy: options.trustProxy ?? false,
    corsOrigins: options.corsOrigins ?? [],
    maxHeldRequests: options.maxHeldRequests ?? 1_000,
    maxConnections: options.maxConnections ?? 10_000,
    ...(options.stalledAnswerMs !== undefined && { stalledAnswerMs: options.stalledAnswerMs }),
    defaultLimits: {
      held_requests: options.maxHeldRequestsPerKey ?? 1_000,
      http_requests_per_minute: 1_000_000,
      stored_files: 10_000,
      stored_bytes: 1_000_000_000_000,
      unfinished_batch_lines: 500_000,
      ...options.defaultLimits,
    },
    webhooks: { signingSecret: undefined, allowPrivate: true, allowInsecure: true, ...options.webhooks },
  });
  const baseUrl = await app.listen({ host: "127.0.0.1", port: 0 });
  closes.add("the HTTP server", () => closeServer({ app, drain, delayMs: 0, deadlineMs: 1_000 }));

  const post = (body: unknown, init: CallInit = {}): Promise<Response> =>
    fetch(`${baseUrl}/v1/images/generations`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...init,
      headers: { ...goodHeaders, ...init.headers },
    });

  /** Calls any route, as `acme` unless another key is given. */
  const call = (path: string, { key = apiKey, headers, ...init }: CallInit & { key?: string } = {}) =>
    fetch(`${baseUrl}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...headers } });

  return {
    app,
    baseUrl,
    prefix,
    call,
    queue,
    queueBoard,
    /** What the service keeps in Redis, by the connection of the service. */
    redis,
    keys,
    redisLine,
    store,
    files,
    drain,
    /** The lanes that the operator drains, as this process has heard. */
    drainedLanes,
    disconnects,
    metrics,
    closes,
    post,
    generate: (request: ImageRequest, init?: CallInit) => post(request, init),

    /** Fetches a link of the test's own store. */
    follow(url: string, init?: RequestInit): Promise<Response> {
      const { pathname, search } = new URL(url);
      return fetch(`${baseUrl}${pathname}${search}`, init);
    },

    /** The callers that wait for the answer of a generation. */
    waitersOf: (id: string) => redis.smembers(keys.waiters(id)),

    /** The reply channels that a generation's record names as watching. */
    watchersOf: async (id: string) => ((await redis.hget(keys.record(id), "watchers")) ?? "").trim(),

    /** The id of the next generation, when it has been submitted or could not be. */
    nextSubmission: () => new Promise<string>((resolve) => (onSubmission = resolve)),

    /** How many generations have ended, by a look at Redis itself. */
    endings: () =>
      askRedis(redisUrl, async (own) => {
        const found = await own.keys(`${prefix}:generation:*`);
        const ended = await Promise.all(found.map((key) => own.hexists(key, "endedAt")));
        return ended.reduce((sum, one) => sum + one, 0);
      }),

    /** Removes every record, as a Redis does that comes back without its data. */
    loseRecords: () =>
      askRedis(redisUrl, async (own) => void (await own.del(await own.keys(`${prefix}:generation:*`)))),

    /** One round of recovery, for whom nothing is too young to be looked at. */
    tidy: () => tidy(redisUrl, prefix),

    /** Works off the lane of a provider. */
    work: (work: Work, provider?: string) => workLane({ redisUrl, prefix, work, provider, finish }),
  };
}

export type TestApi = Awaited<ReturnType<typeof startApi>>;
export type KeptApi = Awaited<ReturnType<typeof keepApi>>;

export const clearRedis = (prefix: string): Promise<void> =>
  askRedis(testRedisUrl(), (redis) => removeKeys(redis, prefix));

/** Asks Redis itself, beside the service and its connections. */
async function askRedis<T>(url: string, ask: (redis: ReturnType<typeof connectWorker>) => Promise<T>): Promise<T> {
  const redis = connectWorker(url, () => {});
  return ask(redis).finally(() => redis.disconnect());
}
