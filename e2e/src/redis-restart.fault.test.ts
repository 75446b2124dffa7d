import { imageResponseSchema } from "@darkroom/contracts";
import { startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { everyGeneration, expectAllSucceeded } from "./every-generation.ts";
import { startStack } from "./stack.ts";

const callers = 50;

test("Redis restarted while 50 callers wait: every caller gets an image, every call is made once", async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ delayMs: 3_000 });
  const environment = {
    OPENAI_API_KEY: "sk-upstream",
    OPENAI_BASE_URL: upstream.baseUrl,
    // As in production: a restart is over long before a lock is.
    LOCK_DURATION_MS: "30000",
    STALLED_INTERVAL_MS: "10000",
  };
  const stack = await startStack({ environment });
  const answers = Array.from({ length: callers }, (_, i) =>
    stack.generate({ model: "dall-e-2", prompt: `cat ${i}`, size: "256x256" }),
  );
  // Twenty are with the provider, the others wait on the lane.
  await expect.poll(() => upstream.requests.length).toBeGreaterThanOrEqual(20);
  await expect.poll(async () => (await everyGeneration(stack.redis.url)).length).toBe(callers);
  await stack.redis.restart();

  const bodies = await Promise.all((await Promise.all(answers)).map((answer) => answer.json()));
  for (const body of bodies) expect(imageResponseSchema.parse(body).data).toHaveLength(1);
  expect(upstream.requests).toHaveLength(callers);
  await expectAllSucceeded(stack.redis.url, callers);
});

test("a caller who comes while Redis is away is told so at once, and buys nothing", async () => {
  const stack = await startStack();
  await stack.redis.kill();
  const refused = await stack.generate({ model: "dall-e-2", prompt: "a cat", size: "256x256" });
  // It does not wait for Redis, which comes back only after this.
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).not.toBeNull();
  await stack.redis.restart();
  const ask = async () => (await stack.generate({ model: "dall-e-2", prompt: "a cat" })).status;
  await expect.poll(ask).toBe(200);
  const succeeded = async () =>
    (await everyGeneration(stack.redis.url)).filter(({ status }) => status === "succeeded").length;
  await expect.poll(succeeded).toBe(1);
});

test("a worker that is told to stop while Redis is away, and has nothing in hand, ends in order", async () => {
  const stack = await startStack();
  const [worker] = stack.workers;
  await stack.redis.kill();
  await worker?.end("SIGTERM");
  expect(await worker?.exited).toBe(0);
});
