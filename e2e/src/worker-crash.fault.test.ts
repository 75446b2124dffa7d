import { imageResponseSchema } from "@darkroom/contracts";
import { connectProducer, createKeys, untilConnected } from "@darkroom/redis";
import { freePort, startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { expectAllSucceeded } from "./every-generation.ts";
import { startStack } from "./stack.ts";

const request = { model: "dall-e-2", prompt: "a cat", size: "256x256" };
const crashPoint = new URL("crash-point.mjs", import.meta.url).pathname;

async function stackWithUpstream() {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  const environment = { OPENAI_API_KEY: "sk-upstream", OPENAI_BASE_URL: upstream.baseUrl };
  const stack = await startStack({ workers: 0, environment });
  /** Starts a worker that will die at the point, and resolves when it has. */
  const dyingWorker = async (at: string, own: Record<string, string> = {}) => {
    const worker = stack.launchWorker({ NODE_OPTIONS: `--import=${crashPoint}`, CRASH_AT: at, ...own });
    expect(await worker.exited).toBe("SIGKILL");
  };
  return { upstream, stack, dyingWorker };
}

const calls = (upstream: Awaited<ReturnType<typeof startFakeOpenAi>>) => upstream.requests.length;

test("kill -9 before the provider call: the next worker makes the one call", async () => {
  const { upstream, stack, dyingWorker } = await stackWithUpstream();
  const answer = stack.generate(request);
  await dyingWorker(`connect:${new URL(upstream.origin).port}`);
  expect(calls(upstream)).toBe(0);
  await stack.startWorker();
  expect((await answer).status).toBe(200);
  expect(calls(upstream)).toBe(1);
});

test("kill -9 during the provider call: it is made again, and counted", async () => {
  const { upstream, stack } = await stackWithUpstream();
  upstream.next({ connection: "silence" });
  const answer = stack.generate(request);
  const dying = await stack.startWorker();
  await expect.poll(() => calls(upstream)).toBe(1);
  await dying.end("SIGKILL");
  await stack.startWorker();
  expect((await answer).status).toBe(200);
  expect(calls(upstream)).toBe(2);
});

test("kill -9 after the upload: the next worker delivers what is stored and calls no provider", async () => {
  const { upstream, stack, dyingWorker } = await stackWithUpstream();
  const answer = stack.generate(request);
  await dyingWorker("stored");
  await stack.startWorker();
  expect(imageResponseSchema.parse(await (await answer).json()).data).toHaveLength(1);
  expect(calls(upstream)).toBe(1);
});

test("kill -9 after the ending was sent: it counts, and the job that came with its answer is run by the next worker", async () => {
  const { upstream, stack, dyingWorker } = await stackWithUpstream();
  // Brings the scripts to Redis.
  const former = await stack.startWorker();
  expect((await stack.generate({ ...request, prompt: "a bird" })).status).toBe(200);
  await former.end("SIGTERM");
  const answers = [stack.generate(request), stack.generate({ ...request, prompt: "a dog" })];
  const redis = connectProducer(stack.redis.url, () => {});
  onTestFinished(() => redis.disconnect());
  await untilConnected(redis, 5_000);
  const lane = createKeys("darkroom").lane("openai.interactive");
  // Both wait in line, so that the ending of one brings the other.
  await expect.poll(() => redis.zcard(`${lane}prioritized`)).toBe(2);
  await dyingWorker("ended", { WORKER_CONCURRENCY: "1" });
  expect(calls(upstream)).toBe(2);
  expect((await Promise.race(answers)).status).toBe(200);
  // The dead worker holds the other one.
  expect(await redis.llen(`${lane}active`)).toBe(1);
  await stack.startWorker();
  for (const answer of answers) expect((await answer).status).toBe(200);
  expect(calls(upstream)).toBe(3);
  for (const { attempts } of await expectAllSucceeded(stack.redis.url, 3)) expect(attempts).toBe(1);
});

test("kill -9 at all three points of one generation: the fourth worker delivers without a call", async () => {
  const { upstream, stack, dyingWorker } = await stackWithUpstream();
  const answer = stack.generate(request);
  await dyingWorker(`connect:${new URL(upstream.origin).port}`);
  upstream.next({ connection: "silence" });
  const during = await stack.startWorker();
  await expect.poll(() => calls(upstream)).toBe(1);
  await during.end("SIGKILL");
  await dyingWorker("stored");
  expect(calls(upstream)).toBe(2);
  await stack.startWorker();
  expect((await answer).status).toBe(200);
  expect(calls(upstream)).toBe(2);
  const [record] = await expectAllSucceeded(stack.redis.url, 1);
  expect(record?.attempts).toBe(4);
});

test("SIGTERM whose deadline passes while the provider draws: the call is made again, and counted", async () => {
  const { upstream, stack } = await stackWithUpstream();
  upstream.next({ connection: "silence" });
  const answer = stack.generate({ ...request, n: 2 });
  const stopping = await stack.startWorker({ SHUTDOWN_DEADLINE_MS: "200" });
  await expect.poll(() => calls(upstream)).toBe(1);
  await stopping.end("SIGTERM");
  expect(await stopping.exited).toBe(0);
  const port = String(await freePort());
  await stack.startWorker({ WORKER_PORT: port });
  expect((await answer).status).toBe(200);
  expect(calls(upstream)).toBe(2);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toContain('darkroom_repeated_images_total{model="dall-e-2"} 2\n');
});

test("SIGTERM while the provider draws: the call finishes, and no worker calls again", async () => {
  const { upstream, stack } = await stackWithUpstream();
  upstream.always({ delayMs: 500 });
  const answer = stack.generate(request);
  const worker = await stack.startWorker();
  await expect.poll(() => calls(upstream)).toBe(1);
  await worker.end("SIGTERM");
  expect(await worker.exited).toBe(0);
  expect((await answer).status).toBe(200);
  expect(calls(upstream)).toBe(1);
});
