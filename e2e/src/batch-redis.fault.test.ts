import { startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createBatch, expectEveryLineOnce, numberedLines, untilEnded } from "./batches.ts";
import { startStack } from "./stack.ts";

const count = 200;

test("Redis restarted in the middle of a batch: every line once, and every picture bought once", async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ delayMs: 200 });
  const stack = await startStack({
    workers: 2,
    environment: {
      OPENAI_API_KEY: "sk-upstream",
      OPENAI_BASE_URL: upstream.baseUrl,
      LOG_LEVEL: "info",
      // As in production: a restart is over long before a lock is.
      LOCK_DURATION_MS: "30000",
      STALLED_INTERVAL_MS: "10000",
    },
  });
  const client = stack.openai({ maxRetries: 5 });
  const lines = numberedLines(count);
  const { id } = await createBatch(client, lines);
  await expect.poll(() => upstream.requests.length).toBeGreaterThanOrEqual(60);
  await stack.redis.restart();
  const batch = await untilEnded(client, id);
  expect(batch.status).toBe("completed");
  await expectEveryLineOnce(client, batch, lines);
  expect(batch.cost).toBe(count * 16_000);
  expect(upstream.requests).toHaveLength(count);
});
