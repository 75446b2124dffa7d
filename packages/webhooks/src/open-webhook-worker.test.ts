import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { type BatchEnding, batchEndings, batchEventSchema, newBatchId } from "@darkroom/contracts";
import { createLogger, createCloseList } from "@darkroom/runtime";
import { createAccounts } from "@darkroom/accounts";
import { createBatchStore, showBatch } from "@darkroom/batches";
import { createShowEnded, createWorker } from "@darkroom/generations";
import { loadCatalogue } from "@darkroom/models";
import { connectSubscriber, connectWorker, createKeys, createTaskLeases } from "@darkroom/redis";
import { createObjectStore } from "@darkroom/storage";
import { listeningPort, removeKeys, startStopwatch, testRedisUrl } from "@darkroom/testing";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test } from "vitest";
import { openWebhookWorker } from "./open-webhook-worker.ts";
import { webhookSecret } from "./webhook-secret.ts";

const log = createLogger({ name: "worker-test", level: "silent", pretty: false });
const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
const signingSecret = "a master secret of at least thirty-two characters";

/** @param answers whether it answers a webhook, given how many it has received */
async function startReceiver({ answers = () => true }: { answers?: (received: number) => boolean } = {}) {
  const received: { headers: Record<string, string>; body: string }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      received.push({ headers, body });
      if (answers(received.length)) response.writeHead(204).end();
    });
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return { url: `http://127.0.0.1:${port}/hook`, received };
}

/** A queue of its own with workers that post webhooks, and batches to tell of. */
async function openBatches() {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = connectWorker(testRedisUrl(), () => {});
  const keys = createKeys(prefix);
  const dayMs = 86_400_000;
  const retention = { recordsMs: dayMs, claimsMs: dayMs, tombstonesMs: dayMs };
  const connection = { redis, keys };
  const { generations, lanes, quarantine } = createWorker(connection, { retention, dropObjects: async () => {}, log });
  const closes = createCloseList(log);
  onTestFinished(async () => {
    await closes.closeAll();
    await lanes.close();
    await removeKeys(redis, prefix);
    redis.disconnect();
  });
  const objects = createObjectStore({ storage: "memory", links });

  async function openWorker({ concurrency = 50 } = {}) {
    const subscriber = connectSubscriber(testRedisUrl(), () => {});
    closes.add("the connection that hears messages", () => subscriber.disconnect());
    const leases = createTaskLeases({ ...connection, log });
    closes.add("the leases", () => leases.close());
    return openWebhookWorker({
      queue: { connection, subscriber, generations, quarantine, leases },
      keyStore: createAccounts({ redis, prefix }).keyStore,
      showEnded: createShowEnded({ catalogue: loadCatalogue(), objects, linkTtlSeconds: 3_600 }),
      signingSecrets: [signingSecret],
      allowPrivate: true,
      allowInsecure: true,
      concurrency,
      leaseMs: 5_000,
      log,
      closes,
    });
  }

  const batches = createBatchStore(redis, keys);
  const read = async (id: string) => {
    const batch = await batches.read(id);
    if (batch === null) throw new Error("There is no batch");
    return batch;
  };

  /** Has a batch end in one of the four ways. Returns it as it ended. */
  async function end(ending: BatchEnding, webhook: string) {
    const id = newBatchId(Date.now());
    await batches.create({
      id,
      tenant: "acme",
      keyId: "key-1",
      inputFileId: "file-1",
      completionWindow: "24h",
      windowMs: dayMs,
      metadata: { order: "17" },
      outputSeconds: 3_600,
      webhook,
      webhookEvents: [ending],
    });
    if (ending === "failed") {
      await batches.fail(id, [{ code: "empty_file", message: "It is empty.", param: null, line: null }]);
      return read(id);
    }
    const lane = "sandbox.batch";
    await batches.accept(id, { model: "m", lane, total: 0, chunks: [] });
    if (ending === "cancelled") await batches.cancel(id, lane);
    if (ending === "expired") await batches.overdue(id, lane);
    await batches.settle(await read(id));
    await batches.finish(await read(id), {
      outputFileId: null,
      errorFileId: "file-2",
      completed: 0,
      failed: 0,
      usage: null,
    });
    return read(id);
  }
  return { end, openWorker };
}

test("each of a batch's four endings is posted, signed with the secret of the key that made it", async () => {
  const receiver = await startReceiver();
  const { end, openWorker } = await openBatches();
  await openWorker();
  const ended = [];
  for (const ending of batchEndings) ended.push(await end(ending, receiver.url));
  await expect.poll(() => receiver.received.length).toBe(4);

  const webhook = new Webhook(webhookSecret(signingSecret, "key-1"));
  const events = receiver.received.map(({ headers, body }) => batchEventSchema.parse(webhook.verify(body, headers)));
  for (const record of ended) {
    const event = events.find(({ type }) => type === `batch.${record.status}`);
    expect(event?.data).toEqual(showBatch(record));
  }
  expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(4);
});

test("a worker that has no slot left tells the others of what waits, which else look rarely", async () => {
  // The first webhook holds the only slot of its worker.
  const receiver = await startReceiver({ answers: (received) => received > 1 });
  const { end, openWorker } = await openBatches();
  const owner = await openWorker({ concurrency: 1 });
  await end("failed", receiver.url);
  await expect.poll(() => receiver.received.length).toBe(1);
  expect(owner.slotsByTenant().size).toBe(1);
  await openWorker({ concurrency: 1 });
  const sinceMs = startStopwatch();
  for (let i = 0; i < 3; i++) await end("failed", receiver.url);
  await expect.poll(() => receiver.received.length).toBe(4);
  // By itself it looks each 30 seconds, and the slot of the first is free after 15.
  expect(sinceMs()).toBeLessThan(10_000);
});
