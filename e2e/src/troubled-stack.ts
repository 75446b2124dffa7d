import { setTimeout as pause } from "node:timers/promises";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { errorBodySchema, generationSchema, isEnding, processSchema, usageRowSchema } from "@darkroom/contracts";
import { connectWorker, createKeys, untilConnected } from "@darkroom/redis";
import { freePort, startFakeOpenAi } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";
import { z } from "zod";
import { everyGeneration } from "./every-generation.ts";
import { startStack } from "./stack.ts";

const drawing = { model: "dall-e-2", size: "256x256" };
const keys = createKeys("darkroom");
const processesSchema = z.object({ data: z.array(processSchema) });
const usageSchema = z.object({ total: usageRowSchema.pick({ generations: true, images: true, cost: true }) });

async function read(url: string, headers: Record<string, string> = {}) {
  const answer = await fetch(url, { headers });
  return { status: answer.status, text: await answer.text() };
}

const areEnded = async (redisUrl: string): Promise<boolean> =>
  (await everyGeneration(redisUrl)).every(({ status }) => isEnding(status));

export type TroubledStackOptions = {
  environment: Record<string, string>;
  /** Of a Redis that the test has started; the stack's own when left out. */
  redisUrl?: string | undefined;
  workers?: number;
};

/** An api and a worker whose health, metrics, answers and accounts a test reads, with an upstream that counts what is bought. */
export async function openTroubledStack({ environment, redisUrl, workers = 1 }: TroubledStackOptions) {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  const adminKey = newApiKey();
  const workerPort = String(await freePort());
  const stack = await startStack({
    workers: 0,
    environment: {
      OPENAI_API_KEY: "sk-upstream",
      OPENAI_BASE_URL: upstream.baseUrl,
      ADMIN_KEY_SHA256: hashApiKey(adminKey),
      LOG_LEVEL: "info",
      ...environment,
    },
  });
  const started = await Promise.all(
    Array.from({ length: workers }, (_, i) => stack.startWorker(i === 0 ? { WORKER_PORT: workerPort } : {})),
  );
  const ownRedis = redisUrl ?? stack.redis.url;
  const workerOrigin = `http://127.0.0.1:${workerPort}`;
  const asCaller = { authorization: `Bearer ${stack.apiKey}` };
  const asAdmin = { authorization: `Bearer ${adminKey}` };
  return {
    ...stack,
    upstream,
    started,
    workerOrigin,
    redisUrl: ownRedis,

    /** Submits a generation, which is not waited for. */
    async submit(prompt: string, more: object = {}) {
      const answer = await stack.generate(
        { ...drawing, prompt, ...more },
        { headers: { ...asCaller, "content-type": "application/json", prefer: "respond-async" } },
      );
      const body: unknown = await answer.json();
      const { headers, status } = answer;
      return {
        status,
        id: headers.get("x-generation-id") ?? "",
        retryAfter: headers.get("retry-after"),
        message: errorBodySchema.safeParse(body).data?.error.message,
      };
    },

    read: (path: string) => read(`${stack.origin}${path}`, asCaller),
    generation: async (id: string) =>
      generationSchema.parse(JSON.parse((await read(`${stack.origin}/v1/generations/${id}`, asCaller)).text)),

    /** What `/readyz` of api and worker say: "ready", or what is wrong. */
    readiness: () =>
      Promise.all(
        [stack.origin, workerOrigin].map(async (origin) => {
          const { status, text } = await read(`${origin}/readyz`);
          return status === 200 ? "ready" : text;
        }),
      ),

    /** The status of `/healthz` of api and worker, by which a supervisor restarts them. */
    liveness: () =>
      Promise.all([stack.origin, workerOrigin].map(async (origin) => (await read(`${origin}/healthz`)).status)),

    /** The value of a metric without labels, of api and worker; NaN where one does not tell it. */
    metric: (name: string) =>
      Promise.all(
        [stack.origin, workerOrigin].map(async (origin) => {
          const { text } = await read(`${origin}/metrics`, asAdmin);
          return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
        }),
      ),

    processes: async () =>
      processesSchema.parse(JSON.parse((await read(`${stack.origin}/admin/processes`, asAdmin)).text)).data,

    lines: () => [...stack.apis, ...started].map(({ lines }) => lines.join("\n")),

    /** Waits until all that was accepted has ended. */
    async untilAllEnded(): Promise<void> {
      await expect.poll(() => areEnded(ownRedis), { interval: 500 }).toBe(true);
    },

    /**
     * Each id that was accepted has succeeded, and there is no other; no call was made more often than attempts were begun; nothing is
     * reserved any more, and the tenant is billed for each image once.
     */
    async expectWholeHistory(accepted: readonly string[]): Promise<void> {
      const records = await everyGeneration(ownRedis);
      expect(records.map(({ id }) => id).toSorted()).toEqual(accepted.toSorted());
      expect(records.filter(({ status }) => status !== "succeeded").map(({ id, error }) => ({ id, error }))).toEqual(
        [],
      );
      const calls = Map.groupBy(upstream.requests, ({ headers }) => String(headers["x-client-request-id"]));
      expect(records.filter(({ id, attempts }) => (calls.get(id)?.length ?? 0) > attempts)).toEqual([]);
      const redis = connectWorker(ownRedis, () => {});
      onTestFinished(() => redis.disconnect());
      await untilConnected(redis, 5_000);
      const accounts = await redis.keys(`${keys.root}account:*`);
      expect(accounts).toHaveLength(1);
      for (const account of accounts)
        expect(await redis.hmget(account, "active", "queued", "reserved")).toEqual(["0", "0", "0"]);
      const shown = await Promise.all(accepted.map((id) => this.generation(id)));
      const images = shown.reduce((sum, { response }) => sum + (response?.data.length ?? 0), 0);
      const cost = shown.reduce((sum, one) => sum + (one.cost ?? 0), 0);
      expect(cost).toBeGreaterThan(0);
      const { total } = usageSchema.parse(JSON.parse((await this.read("/v1/usage")).text));
      expect(total).toMatchObject({ generations: { succeeded: accepted.length, failed: 0 }, images, cost });
    },

    /** Longer than an idle loop takes to come round. What must not happen meanwhile has no event to wait for. */
    settle: () => pause(2_000),
  };
}

export type TroubledStack = Awaited<ReturnType<typeof openTroubledStack>>;
