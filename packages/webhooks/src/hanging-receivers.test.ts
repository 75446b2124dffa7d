import { createServer } from "node:http";
import { connectWorker } from "@darkroom/redis";
import { listeningPort, testRedisUrl, startStopwatch } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openWebhooks } from "./open-webhooks.fixture.ts";
import { generationEvent } from "./generation-event.ts";
import { generation } from "./generation.fixture.ts";
import { postWebhook } from "./post-webhook.ts";
import { createWebhookHttp, type WebhookHttpOptions } from "./webhook-http.ts";
import { webhookSecret } from "./webhook-secret.ts";
import type { WebhookCall } from "./webhook-worker.ts";

const secrets = [webhookSecret("0123456789abcdef0123456789abcdef", "key_1")];
const payload = generationEvent(generation());

async function listen(onRequest: () => boolean) {
  let open = 0;
  const server = createServer((request, response) => {
    request.resume();
    open++;
    response.on("close", () => open--);
    if (onRequest()) response.writeHead(204).end();
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port, open: () => open };
}

/** A receiver that takes every connection and never answers, one that answers at once, and what posts to them by the names of many. */
async function openReceivers(options: WebhookHttpOptions = {}) {
  const hanging = await listen(() => false);
  const good = await listen(() => true);
  const http = createWebhookHttp({ allowPrivate: true, allowInsecure: true, ...options });
  onTestFinished(() => http.close());
  const post = ({ delivery, hungBefore, signal }: WebhookCall) => {
    const { port } = delivery.url.includes("hanging") ? hanging : good;
    const url = `http://127.0.0.1:${port}/hook`;
    return postWebhook({ url, id: delivery.id, sentAtMs: Date.now(), payload, secrets, hungBefore, signal }, http);
  };
  return { hanging, good, post };
}

test("beside ten tenants whose receivers hang, a good webhook of another leaves within two seconds", async () => {
  const queue = await openWebhooks();
  const { hanging, post } = await openReceivers();
  const worker = queue.openWorker({ post, concurrency: 50, perOrigin: 4, leaseMs: 30_000, everyMs: 500 });
  for (let tenant = 0; tenant < 10; tenant++) {
    const endings = Array.from({ length: 40 }, (_, i) => {
      const webhook = `https://hanging-${tenant}-${i % 20}.example/hook`;
      return queue.ended({ webhook }, `hanging-${tenant}`);
    });
    await Promise.all(endings);
    await queue.dispatcher.tick();
    worker.wake();
  }
  // Each of the ten holds slots, as many as its share.
  await expect.poll(hanging.open).toBeGreaterThanOrEqual(30);
  const took: number[] = [];
  for (let i = 0; i < 3; i++) {
    const sinceMs = startStopwatch();
    const id = await queue.ended({ webhook: "https://good.example/hook" }, "good");
    await queue.dispatcher.tick();
    worker.wake();
    await expect.poll(() => queue.webhooks.read(id), { interval: 20 }).toMatchObject({ status: "delivered" });
    took.push(sinceMs());
  }
  expect(Math.max(...took)).toBeLessThan(2_000);
  expect(hanging.open()).toBeLessThan(50);
});

test("a thousand webhooks that wait for a receiver that hangs cost no commands meanwhile", async () => {
  const queue = await openWebhooks();
  const { hanging, post } = await openReceivers();
  for (let i = 0; i < 1_000; i++) await queue.waiting("hanging", `https://${i}.hanging.example/hook`);
  // Those that are posted need a generation.
  await queue.redis.del(queue.keys.deliveries);
  const connection = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => connection.disconnect());
  let sent = 0;
  const send = connection.sendCommand.bind(connection);
  connection.sendCommand = (...args: Parameters<typeof send>) => {
    sent++;
    return send(...args);
  };
  const real = await queue.ended({ webhook: "https://first.hanging.example/hook" }, "hanging");
  const record = await queue.generations.read(real.replace(/^msg_(.*)_3$/, "gen_$1"));
  queue.openWorker({
    redis: connection,
    generations: { read: async () => record },
    post,
    concurrency: 50,
    perOrigin: 4,
    leaseMs: 30_000,
    everyMs: 500,
  });
  await expect.poll(hanging.open).toBe(4);
  const before = sent;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(sent - before).toBeLessThanOrEqual(10);
  expect(hanging.open()).toBe(4);
});

test("an address that hung is given little time, and its full time again once it has answered", async () => {
  const queue = await openWebhooks();
  const { post } = await openReceivers({ timeoutMs: 400, hungTimeoutMs: 100 });
  const calls: { hungBefore: boolean; answer: unknown }[] = [];
  let answers = false;
  const worker = queue.openWorker({
    schedule: () => 20,
    post: async (call) => {
      const url = answers ? "https://good.example/hook" : call.delivery.url;
      const answer = await post({ ...call, delivery: { ...call.delivery, url } });
      calls.push({ hungBefore: call.hungBefore, answer });
      if (calls.length === 2) answers = true;
      return answer;
    },
  });
  const id = await queue.ended({ webhook: "https://hanging.example/hook" });
  await queue.dispatcher.tick();
  worker.wake();
  await expect.poll(() => queue.webhooks.read(id)).toMatchObject({ status: "delivered", attempts: 3 });
  const other = await queue.ended({ webhook: "https://of.hanging.example/hook" });
  await queue.dispatcher.tick();
  await expect.poll(() => queue.webhooks.read(other)).toMatchObject({ status: "delivered" });
  expect(calls).toMatchObject([
    { hungBefore: false, answer: { hung: true, what: "The receiver did not answer within 0.4 seconds." } },
    { hungBefore: true, answer: { hung: true, what: "The receiver did not answer within 0.1 seconds." } },
    { hungBefore: true, answer: { outcome: "delivered" } },
    { hungBefore: false, answer: { outcome: "delivered" } },
  ]);
});
