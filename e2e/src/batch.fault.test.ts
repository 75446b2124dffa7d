import { setTimeout as pause } from "node:timers/promises";
import { ledgerEntrySchema } from "@darkroom/contracts";
import { createKeys, connectProducer, untilConnected } from "@darkroom/redis";
import { startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createBatch, expectEveryLineOnce, numberedLines, untilEnded } from "./batches.ts";
import { startStack } from "./stack.ts";

test("kill -9 of a worker in a batch that was canceled: its lines are canceled, and nothing is bought again", async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ connection: "silence" });
  const stack = await startStack({
    workers: 0,
    environment: { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl },
  });
  const dying = await stack.startWorker();
  const client = stack.openai();
  const lines = numberedLines(5);
  const { id } = await createBatch(client, lines);
  await expect.poll(() => upstream.requests.length).toBe(5);
  expect((await client.batches.cancel(id)).status).toBe("cancelling");
  await dying.end("SIGKILL");
  upstream.always({});
  await stack.startWorker();
  const batch = await untilEnded(client, id);
  expect(batch).toMatchObject({ status: "cancelled", request_counts: { completed: 0, failed: 5 }, cost: 0 });
  expect(upstream.requests).toHaveLength(5);
});

/** Five thousand by their own command, `pnpm chaos:batches`; a short form with all other tests. */
const count = Number(process.env["BATCH_LINES"] ?? 1_500);
const killEveryMs = 1_000;

test(`kill -9 of api and workers at random through a batch of ${count} lines: every line once, and nothing bought twice but what the kills hit`, async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ delayMs: 20 });
  const stack = await startStack({
    workers: 2,
    environment: { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl, LOG_LEVEL: "info" },
  });
  const client = stack.openai({ maxRetries: 5 });
  const lines = numberedLines(count);
  const { id } = await createBatch(client, lines);

  // Either worker may validate, feed, collect and finalize: a kill hits each of them in turn.
  const over = { is: false };
  const kills = (async () => {
    const workers = [...stack.workers];
    let [api] = stack.apis;
    let killed = 0;
    while (!over.is) {
      await pause(killEveryMs);
      if (killed % 3 === 2 && api !== undefined) {
        const { origin } = api;
        await api.end("SIGKILL");
        api = await stack.startApi({ PORT: new URL(origin).port, PUBLIC_BASE_URL: origin });
      } else {
        const which = killed % 2;
        await workers[which]?.end("SIGKILL");
        workers[which] = await stack.startWorker();
      }
      killed++;
    }
    return killed;
  })();
  const batch = await untilEnded(client, id, 400_000);
  over.is = true;
  const killed = await kills;

  expect(batch.status).toBe("completed");
  expect(killed).toBeGreaterThan(3);
  const { output } = await expectEveryLineOnce(client, batch, lines);
  // A worker killed with twenty calls under way has them made again; each is in the record of its line, and none is billed twice.
  expect(upstream.requests.length - count).toBeLessThanOrEqual(killed * 20);
  expect(batch.cost).toBe(output.length * 16_000);

  const keys = createKeys("darkroom");
  const redis = connectProducer(stack.redis.url, () => {});
  await untilConnected(redis, 5_000);
  onTestFinished(() => redis.disconnect());
  const days = await redis.smembers(`${keys.root}ledger-days`);
  const entries = (await Promise.all(days.map((day) => redis.lrange(`${keys.root}ledger:${day}`, 0, -1))))
    .flat()
    .map((line) => ledgerEntrySchema.parse(JSON.parse(line)));
  const paid = entries.filter(({ status }) => status === "succeeded");
  expect(new Set(paid.map(({ generation }) => generation)).size).toBe(paid.length);
  expect(await redis.keys(`${keys.root}generation:*`)).toEqual([]);
});
