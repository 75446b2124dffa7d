import { createKeys, connectProducer } from "@darkroom/redis";
import { describeWithS3, startFakeOpenAi, startTcpProxy, s3Environment } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { everyGeneration } from "./every-generation.ts";
import { startStack } from "./stack.ts";

const request = { model: "dall-e-2", prompt: "a cat", size: "256x256" };

describeWithS3("a worker that is cut off from Redis for longer than its lock", (s3) => {
  async function openCutOff() {
    const upstream = await startFakeOpenAi();
    onTestFinished(() => upstream.close());
    const store = await startTcpProxy(s3.endpoint);
    onTestFinished(() => store.close());
    const stack = await startStack({
      workers: 0,
      environment: {
        OPENAI_API_KEY: "sk-upstream",
        OPENAI_BASE_URL: upstream.baseUrl,
        ...s3Environment(s3, { prefix: "cut-off", endpoint: store.url }),
      },
    });
    const line = await startTcpProxy(stack.redis.url);
    onTestFinished(() => line.close());
    const worker = await stack.startWorker({ REDIS_URL: line.url });
    const redis = connectProducer(stack.redis.url, () => {});
    onTestFinished(() => redis.disconnect());
    const only = async () => (await everyGeneration(stack.redis.url))[0];
    /** Cuts the worker off from Redis until the lock on its only job has run out. */
    const loseLock = async () => {
      const lock = `${createKeys("darkroom").lanes}:openai.interactive:${(await only())?.id}:lock`;
      await expect.poll(() => redis.exists(lock)).toBe(1);
      line.blackhole();
      await expect.poll(() => redis.exists(lock)).toBe(0);
      line.restore();
    };
    return { upstream, stack, store, worker, only, loseLock };
  }

  test("while it holds a bought image that the store does not take: the image is stored, and nothing more is bought", async () => {
    const { upstream, stack, store, worker, only, loseLock } = await openCutOff();
    store.cut();
    const answer = stack.generate(request);
    await worker.logged("The store did not take an image");
    await loseLock();
    store.restore();
    expect((await answer).status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
    // One attempt where its renewal was first, one more where the check for stalled jobs was.
    expect((await only())?.attempts).toBeLessThanOrEqual(2);
  });

  test("while a provider draws: the call is made twice at most, and a cancellation reaches the run that is left", async () => {
    const { upstream, stack, only, loseLock } = await openCutOff();
    upstream.always({ connection: "silence" });
    const answer = stack.generate(request);
    await expect.poll(() => upstream.requests.length).toBe(1);
    await loseLock();
    // Longer than a lock lasts: a run whose lock is not renewed would be taken for dead.
    await expect.poll(async () => (await only())?.status).toBe("running");
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    const { id, attempts } = (await only()) ?? {};
    expect(attempts).toBeLessThanOrEqual(2);
    expect(upstream.requests).toHaveLength(attempts ?? 0);
    const headers = { authorization: `Bearer ${stack.apiKey}` };
    await fetch(`${stack.origin}/v1/generations/${id}/cancel`, { method: "POST", headers });
    expect((await answer).status).toBe(409);
    await expect.poll(() => upstream.unfinished()).toBe(0);
    expect(upstream.hangUps()).toBe(attempts);
    expect(await only()).toMatchObject({ status: "canceled", attempts });
  });
});
