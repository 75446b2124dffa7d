import { readFile } from "node:fs/promises";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { connectWorker } from "@darkroom/redis";
import { startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createBatch, numberedLines, untilEnded } from "./batches.ts";
import { startStack } from "./stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

test("api and worker need no more rights in Redis than the documents say", async () => {
  const document = await readFile(new URL("../../docs/redis.md", import.meta.url), "utf8");
  const command = /^ACL SETUSER .*$/m.exec(document)?.[0] ?? "";
  const redis = await startRedis({ persist: false });
  onTestFinished(redis.stop);
  const admin = connectWorker(redis.url, () => {});
  onTestFinished(() => admin.disconnect());
  const [name = "", ...args] = command.split(" ");
  await admin.call(name, ...args);
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.close());
  const adminKey = newApiKey();
  const stack = await startStack({
    environment: {
      REDIS_URL: redis.url.replace("//", "//darkroom:password@"),
      WEBHOOK_SIGNING_SECRET: "a secret for webhooks, long enough to be one",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
      LEDGER_EXPORT_INTERVAL_MS: "200",
      ADMIN_KEY_SHA256: hashApiKey(adminKey),
    },
  });
  const request = { model: "dall-e-2", size: "256x256", prompt: "a cat" };
  const answer = await stack.generate({ ...request, job: { webhook: receiver.url } });
  expect(answer.status).toBe(200);
  const canceled = await stack
    .generate({ ...request, prompt: "a dog" }, { signal: AbortSignal.timeout(1) })
    .catch(() => null);
  expect(canceled).toBeNull();
  const client = stack.openai();
  expect((await untilEnded(client, (await createBatch(client, numberedLines(3))).id)).status).toBe("completed");
  await expect.poll(() => receiver.received.length).toBe(1);
  const headers = { authorization: `Bearer ${adminKey}` };
  const metrics = await (await fetch(`${stack.origin}/metrics`, { headers })).text();
  for (const told of [
    "workers_desired",
    "lane_workers",
    "ledger_lag_seconds",
    "quarantine_entries",
    "redis_noeviction",
  ])
    expect(metrics).toMatch(new RegExp(`^darkroom_${told}(\\{.*\\})? \\d`, "m"));
  const lines = [...stack.apis, ...stack.workers].flatMap((service) => service.lines);
  expect(lines.filter((line) => /NOPERM|no permissions|executing the script can't/.test(line))).toEqual([]);
});
