import { createAccounts, createLedger, loadKeys } from "@darkroom/accounts";
import { createFileStore } from "@darkroom/files";
import { createLogger, createMetrics, readOrExit, runProcess } from "@darkroom/runtime";
import { adviseOnRedis, joinFleet } from "@darkroom/redis";
import { configuredCatalogue } from "@darkroom/models";
import { createObjectStore, traceObjectStore } from "@darkroom/storage";
import { createTracing } from "@darkroom/tracing";
import { buildApp } from "./app.ts";
import { closeServer } from "./close-server.ts";
import { readConfig } from "./config.ts";
import { createDescribeApi } from "./describe-api.ts";
import { createDrain } from "./drain.ts";
import { createDisconnects } from "./generation/cancel-on-disconnect.ts";
import { createHeldRequests } from "./limits/held-requests.ts";
import { lanesOf, tellFleet } from "./fleet-figures.ts";
import { listen } from "./listen.ts";
import { openQueue } from "./open-queue.ts";
import { connectBoard } from "./queue-board/connect-board.ts";
import { createReadiness } from "./readiness.ts";
import { warnOfMissingPrices, warnOfRetiredModels } from "./catalogue-warnings.ts";
import { warnOfPublicObjects } from "./public-objects.ts";
import { webhookSettings } from "./webhook-settings.ts";

const config = readOrExit(readConfig);
const metrics = createMetrics({ ofProcess: true });
const tracing = createTracing({
  settings: config,
  service: "darkroom-api",
  instance: config.INSTANCE,
  shutdownMs: config.SHUTDOWN_DEADLINE_MS,
});
const log = createLogger({
  name: "api",
  level: config.LOG_LEVEL,
  pretty: process.stdout.isTTY,
  advise: adviseOnRedis,
  fields: tracing.logFields,
  onDrop: () => metrics.droppedLogLines.inc(),
});

await runProcess({
  log,
  closeWithinMs: config.SHUTDOWN_DEADLINE_MS,
  async start(closes, life) {
    const tracer = await tracing.open({ log, closes });
    const catalogue = configuredCatalogue(config);
    warnOfMissingPrices(catalogue, log);
    warnOfRetiredModels(catalogue, log);
    const adminKeyHash = config.ADMIN_KEY_SHA256;
    const staticKeys = loadKeys({
      list: config.API_KEYS,
      file: config.API_KEYS_FILE,
      required: adminKeyHash === undefined,
      adminKeyHash,
    });

    const objects = traceObjectStore(createObjectStore(config.storage), tracer);
    closes.add("the object store", () => objects.close());
    await objects.check();
    await warnOfPublicObjects(objects, log);

    const { queue, connection, readConnection } = await openQueue({ config, catalogue, log, closes });
    const { redis } = connection;
    const forReads = { redis: readConnection.redis, prefix: config.QUEUE_PREFIX, objects, log };
    const accounts = createAccounts({ redis, prefix: config.QUEUE_PREFIX });
    const keyring = await accounts.openKeyring({ staticKeys, adminKeyHash, log });
    closes.add("the keyring", () => keyring.close());
    closes.add("the counts of requests", async () => accounts.keyStore.requests.close());
    const disconnects = createDisconnects({ queue, log });
    closes.add("the disconnects of callers", () => disconnects.close());

    const ledger = createLedger(forReads);
    tellFleet({
      connection: readConnection,
      ledger,
      lanes: lanesOf(catalogue),
      horizonMs: config.SCALING_HORIZON_SECONDS * 1_000,
      metrics,
    });

    const queueBoard = config.QUEUE_BOARD
      ? connectBoard({
          redisUrl: config.REDIS_URL,
          keys: connection.keys,
          operator: queue.operator,
          catalogue,
          publicBaseUrl: config.PUBLIC_BASE_URL,
          log,
        })
      : undefined;
    closes.add("the board of the queues", async () => queueBoard?.close());

    const drain = createDrain();
    const heldRequests = createHeldRequests({ keyring, maxPerKey: config.MAX_HELD_REQUESTS_PER_KEY });
    const fleet = await joinFleet({
      ...connection,
      name: config.INSTANCE,
      facts: createDescribeApi({ drain, heldRequests }),
      onDrain: life.stop,
      log,
    });
    closes.add("the place in the fleet", () => fleet.close());
    metrics.clockAhead.readFrom(() => [{ value: fleet.clockAheadMs() / 1_000 }]);
    metrics.redisRefusing.readFrom(async () => [{ value: Number((await queue.findFault()) !== null) }]);
    const app = buildApp({
      catalogue,
      keyring,
      keyStore: accounts.keyStore,
      ledger,
      objects,
      files: createFileStore(forReads),
      queue,
      disconnects,
      heldRequests,
      fleet,
      drain,
      readiness: createReadiness({ queue, objects, drain, log }),
      log,
      metrics,
      tracer,
      syncTimeoutMs: config.SYNC_TIMEOUT_MS,
      linkTtlSeconds: config.LINK_TTL_SECONDS,
      publicBaseUrl: config.PUBLIC_BASE_URL,
      defaultResponseFormat: config.DEFAULT_RESPONSE_FORMAT,
      trustProxy: config.TRUST_PROXY,
      corsOrigins: config.CORS_ORIGINS,
      maxHeldRequests: config.MAX_HELD_REQUESTS,
      maxConnections: config.MAX_CONNECTIONS,
      defaultLimits: {
        held_requests: config.MAX_HELD_REQUESTS_PER_KEY,
        http_requests_per_minute: config.MAX_HTTP_REQUESTS_PER_MINUTE,
        stored_files: config.MAX_STORED_FILES,
        stored_bytes: config.MAX_STORED_BYTES,
        unfinished_batch_lines: config.MAX_UNFINISHED_BATCH_LINES,
      },
      webhooks: webhookSettings(config),
      queueBoard,
    });
    const { SHUTDOWN_DELAY_MS: delayMs, SHUTDOWN_DEADLINE_MS: deadlineMs } = config;
    closes.add("the HTTP server", () => {
      const closed = closeServer({ app, drain, delayMs, deadlineMs });
      fleet.beat();
      return closed;
    });
    const address = await listen({ app, host: config.HOST, port: config.PORT });
    log.info({ address }, `Listening on ${address}`);
  },
});
