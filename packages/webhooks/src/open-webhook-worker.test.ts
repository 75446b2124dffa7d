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
import { createKeys, createTaskLeases, connectWorker } from "@darkroom/redis";
import { createObjectStore } from "@darkroom/storage";
import { listeningPort, removeKeys, testRedisUrl } from "@darkroom/testing";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test } from "vitest";
import { openWebhookWorker } from "./open-webhook-worker.ts";
import { webhookSecret } from "./webhook-secret.ts";

const log = createLogger({ name: "worker-test", level: "silent", pretty: false });
const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
const signingSecret = "a master secret of at least thirty-two characters";

async function startReceiver() {
  const received: { headers: Record<string, string>; body: string }[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      received.push({ headers, body });
      response.writeHead(204).end();
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

/** A worker's webhooks on a queue of its own, and batches to tell of. */
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
  const leases = createTaskLeases({ ...connection, log });
  closes.add("the leases", () => leases.close());
  const queue = { connection, generations, quarantine, leases };
  openWebhookWorker({
    queue,
    keyStore: createAccounts({ redis, prefix }).keyStore,
    showEnded: createShowEnded({ catalogue: loadCatalogue(), objects, linkTtlSeconds: 3_600 }),
    signingSecrets: [signingSecret],
    allowPrivate: true,
    allowInsecure: true,
    concurrency: 50,
    leaseMs: 5_000,
    log,
    closes,
  });

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
  return { end };
}

test("each of a batch's four endings is posted, signed with the secret of the key that made it", async () => {
  const receiver = await startReceiver();
  const { end } = await openBatches();
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
