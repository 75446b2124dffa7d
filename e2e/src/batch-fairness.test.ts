import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { startFakeOpenAi } from "@darkroom/testing";
import OpenAI from "openai";
import { expect, onTestFinished, test } from "vitest";
import { createBatch, numberedLines, untilEnded } from "./batches.ts";
import { startStack } from "./stack.ts";

const tenants = 9;
const linesEach = 20;

test("nine tenants with 20 lines each, who come after one with 20,000, finish within 1.5 times what they take alone", async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  // What a picture takes is what waiting is measured against: much longer than the queue's own work.
  upstream.always({ delayMs: 400 });
  const keys = Array.from({ length: tenants + 1 }, newApiKey);
  const stack = await startStack({
    environment: {
      OPENAI_API_KEY: "sk-upstream",
      OPENAI_BASE_URL: upstream.baseUrl,
      LOG_LEVEL: "info",
      API_KEYS: keys.map((key, i) => `tenant${i}:test:${hashApiKey(key)}`).join(","),
    },
  });
  const api = await stack.startApi({ API_KEYS: keys.map((key, i) => `tenant${i}:test:${hashApiKey(key)}`).join(",") });
  const [big, ...small] = keys.map((apiKey) => new OpenAI({ baseURL: `${api.origin}/v1`, apiKey }));
  if (big === undefined) throw new Error("There is no tenant");

  /** How long nine small batches take, from the first creation to the last ending. */
  async function nine(round: string): Promise<number> {
    const startedAtMs = performance.now();
    await Promise.all(
      small.map(async (client) => {
        const { id } = await createBatch(client, numberedLines(linesEach, round));
        expect((await untilEnded(client, id)).request_counts.completed).toBe(linesEach);
      }),
    );
    return performance.now() - startedAtMs;
  }

  const aloneMs = await nine("alone");
  const { id } = await createBatch(big, numberedLines(20_000));
  await expect.poll(async () => (await big.batches.retrieve(id)).status, { timeout: 60_000 }).toBe("in_progress");
  await expect
    .poll(async () => (await big.batches.retrieve(id)).request_counts?.completed, { timeout: 30_000 })
    .toBeGreaterThan(0);
  const besideMs = await nine("beside");
  expect((await big.batches.retrieve(id)).status).toBe("in_progress");
  expect(besideMs / aloneMs).toBeLessThan(1.5);
  await big.batches.cancel(id);
  await untilEnded(big, id);
}, 180_000);
