import { generationSchema } from "@darkroom/contracts";
import { type Behaviour, startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createBatch, expectEveryLineOnce, numberedLines, untilEnded } from "./batches.ts";
import { everyGeneration } from "./every-generation.ts";
import { startStack } from "./stack.ts";

const request = { model: "dall-e-2", size: "256x256" };

const limitReached = (words: string, headers: Record<string, string> = {}): Behaviour => ({
  status: 429,
  headers,
  body: { error: { message: words, type: "requests", code: "rate_limit_exceeded", param: null } },
});

/** A minute's limit, thirty times as fast: the upstream wants two seconds, and says so in its header or its words. */
const busy = { header: limitReached("Slow down.", { "retry-after": "2" }), words: limitReached("Try again in 2s.") };

async function startWith({ workers = 1, environment = {} as Record<string, string> }) {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  const settings = { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl, WORKER_CONCURRENCY: "5" };
  const stack = await startStack({ workers, environment: { ...settings, ...environment } });
  const authorization = `Bearer ${stack.apiKey}`;
  return {
    upstream,
    stack,
    submit: async (prompt: string): Promise<string> => {
      const headers = { authorization, "content-type": "application/json", prefer: "respond-async" };
      const answer = await stack.generate({ ...request, prompt }, { headers });
      expect(answer.status).toBe(202);
      return answer.headers.get("x-generation-id") ?? "";
    },
    read: async (id: string, method = "GET") => {
      const path = method === "GET" ? id : `${id}/cancel`;
      const answer = await fetch(`${stack.origin}/v1/generations/${path}`, { method, headers: { authorization } });
      return generationSchema.parse(await answer.json());
    },
  };
}

test("two workers, fifty calls and a batch, an upstream that is busy for six seconds: few calls, one attempt each", async () => {
  // No worker dies here, and none may lose its locks because the machine is slow.
  const { upstream, stack } = await startWith({ workers: 2, environment: { LOCK_DURATION_MS: "20000" } });
  upstream.always(busy.header);
  const client = stack.openai({ maxRetries: 0 });
  const lines = numberedLines(10);
  const batch = await createBatch(client, lines);
  const answers = Array.from({ length: 50 }, (_, i) => stack.generate({ ...request, prompt: `cat ${i}` }));
  await expect.poll(() => upstream.requests.length).toBeGreaterThan(0);
  const closedAtMs = performance.now();
  await expect.poll(() => performance.now() - closedAtMs).toBeGreaterThan(6_000);
  const inVain = upstream.requests.length;
  upstream.always({});
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(answers.map(() => 200));
  const { output } = await expectEveryLineOnce(client, await untilEnded(client, batch.id), lines);
  expect(output).toHaveLength(10);
  // Two lanes. Of each, what ran at the first refusal, five calls on each worker, and a call or two after each pause.
  expect(inVain).toBeLessThanOrEqual(2 * (10 + 4));
  expect(upstream.requests.length - inVain).toBe(60);
  const records = await everyGeneration(stack.redis.url);
  const counted = records.map(({ attempts, rateLimits, failures }) => [attempts - rateLimits, failures]);
  expect(counted).toEqual(records.map(() => [1, 0]));
});

test("a worker that is killed during the pause: another makes the image, as the first attempt", async () => {
  const { upstream, stack, submit, read } = await startWith({});
  upstream.next(busy.words);
  const id = await submit("a cat");
  const [dying] = stack.workers;
  await dying?.logged("waits in line");
  await dying?.end("SIGKILL");
  expect(await read(id)).toMatchObject({ status: "queued", attempts: 0, started_at: null });
  await stack.startWorker();
  await expect.poll(() => read(id)).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(upstream.requests).toHaveLength(2);
});

test("a caller at its limit is told so, its generation goes on, and its owner may cancel it", async () => {
  const { upstream, stack, read } = await startWith({ environment: { SYNC_TIMEOUT_MS: "1500" } });
  upstream.always(busy.header);
  const answer = await stack.generate({ ...request, prompt: "a cat" });
  const id = answer.headers.get("x-generation-id") ?? "";
  expect(answer.status).toBe(504);
  await expect.poll(() => read(id)).toMatchObject({ status: "queued", attempts: 0, queue: { position: 1 } });
  expect(await read(id, "POST")).toMatchObject({ status: "canceled", cost: 0 });
});

test("an account without money is no busy upstream: the caller is told at once, after one call", async () => {
  const { upstream, stack } = await startWith({});
  upstream.always({
    status: 429,
    headers: { "retry-after": "2" },
    body: {
      error: { message: "You exceeded your current quota, please check your plan.", code: "insufficient_quota" },
    },
  });
  const answer = await stack.generate({ ...request, prompt: "a cat" });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { code: "billing_hard_limit_reached" } });
  expect(upstream.requests).toHaveLength(1);
});
