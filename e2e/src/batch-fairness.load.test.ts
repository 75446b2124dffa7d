import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { startFakeOpenAi } from "@darkroom/testing";
import OpenAI from "openai";
import { expect, onTestFinished, test } from "vitest";
import { createBatch, numberedLines, untilEnded } from "./batches.ts";
import { startStack } from "./stack.ts";

const tenants = 9;
const linesEach = 20;
/** Twenty thousand by their own command, `pnpm chaos:batches`; a short form with all other tests. */
const linesOfTheBig = Number(process.env["BATCH_BIG_LINES"] ?? 3_000);

/**
 * Counted in pictures and not in seconds, which on a busy machine are anybody's: what is drawn of others, from the first picture of the
 * nine to their last, is what they wait for beyond their own.
 */
test(`nine tenants with ${linesEach} lines each, who come after one with ${linesOfTheBig}, wait for at most half as many of its pictures as they have themselves`, async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ delayMs: 200 });
  const keys = Array.from({ length: tenants + 1 }, newApiKey);
  const known = keys.map((key, i) => `tenant${i}:test:${hashApiKey(key)}`).join(",");
  const stack = await startStack({
    apis: 1,
    environment: { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl, LOG_LEVEL: "info" },
  });
  const api = await stack.startApi({ API_KEYS: known });
  const [big, ...small] = keys.map((apiKey) => new OpenAI({ baseURL: `${api.origin}/v1`, apiKey }));
  if (big === undefined) throw new Error("There is no tenant");

  const { id } = await createBatch(big, numberedLines(linesOfTheBig, "big"));
  await expect.poll(async () => (await big.batches.retrieve(id)).request_counts?.completed).toBeGreaterThan(0);
  await Promise.all(
    small.map(async (client) => {
      const batch = await createBatch(client, numberedLines(linesEach, "small"));
      expect((await untilEnded(client, batch.id)).request_counts.completed).toBe(linesEach);
    }),
  );
  expect((await big.batches.retrieve(id)).status).toBe("in_progress");

  const isSmall = upstream.requests.map(({ body }) => String(body["prompt"]).includes("small"));
  const drawn = isSmall.slice(isSmall.indexOf(true), isSmall.lastIndexOf(true) + 1);
  const own = drawn.filter(Boolean).length;
  expect(own).toBe(tenants * linesEach);
  expect(drawn.length / own).toBeLessThan(1.5);
  await big.batches.cancel(id);
  await untilEnded(big, id);
});
