import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { freePort, startRedis } from "@darkroom/testing";
import OpenAI from "openai";
import { onTestFinished } from "vitest";
import { type Service, startService } from "./service.ts";

export type StackOptions = {
  apis?: number;
  workers?: number;
  /** Laid over the settings of every process. */
  environment?: Record<string, string>;
  /** The checkout whose apps are run; this one when left out. */
  checkout?: string;
  /** What Redis wants of its clients. Nothing when left out. */
  redisPassword?: string;
  /** The name that processes know Redis by; its address when left out. */
  redisName?: string;
  /** Laid over the environment of Redis. */
  redisEnvironment?: Record<string, string>;
};

/**
 * A dead worker is noticed within about four seconds. A live one that gets no CPU time for a second keeps its locks: it renews them several
 * times in three seconds, and another worker would make its call again.
 */
const quickRecovery = { LOCK_DURATION_MS: "3000", STALLED_INTERVAL_MS: "500", RECOVERY_INTERVAL_MS: "500" };

/** A stack for one test, taken down after it. */
export async function startStack(options: StackOptions = {}) {
  const stack = await openStack(options);
  onTestFinished(stack.close);
  return stack;
}

/**
 * Redis, api and worker processes as an operator runs them, with a folder for images and the sandbox for every provider, on ports and
 * in folders of their own. The caller that opens it closes it: `beforeAll` does when `close` is returned from it.
 */
export async function openStack({
  apis = 1,
  workers = 1,
  environment = {},
  checkout = "",
  redisPassword,
  redisName = "127.0.0.1",
  redisEnvironment = {},
}: StackOptions = {}) {
  await using opened = new AsyncDisposableStack();
  const redis = await startRedis({
    environment: redisEnvironment,
    ...(redisPassword !== undefined && { password: redisPassword }),
  });
  opened.defer(() => redis.stop());
  const images = await mkdtemp(join(tmpdir(), "darkroom-images-"));
  opened.defer(() => rm(images, { recursive: true, force: true }));
  const apiKey = newApiKey();
  const shared = {
    REDIS_URL: redis.url.replace("127.0.0.1", redisName),
    STORAGE: "filesystem",
    STORAGE_DIRECTORY: images,
    // Each api is told its own; a worker makes no links.
    PUBLIC_BASE_URL: "http://127.0.0.1:1",
    LINK_SIGNING_SECRET: "a secret for tests, long enough to be one",
    SANDBOX_FALLBACK: "true",
    SANDBOX_DIRECTIVES: "true",
    LOG_LEVEL: "debug",
    ...quickRecovery,
    ...environment,
  };
  const running = new Set<Service>();
  const launch = (entry: string, own: Record<string, string>, from = checkout) => {
    const service = startService(join(from, entry), { ...shared, ...own });
    running.add(service);
    return service;
  };
  opened.defer(async () => {
    await Promise.all([...running].map((service) => service.end("SIGKILL")));
  });

  const launchWorker = (own: Record<string, string> = {}, from?: string) =>
    launch("apps/worker/src/main.ts", own, from);
  /** @param from the checkout to run; that of the stack when left out */
  const startWorker = async (own: Record<string, string> = {}, from?: string) => {
    const worker = launchWorker(own, from);
    await worker.logged("Working");
    return worker;
  };
  const startApi = async (
    own: Record<string, string> = {},
    { from, tries = 3 }: { from?: string | undefined; tries?: number } = {},
  ): Promise<Service & { origin: string }> => {
    // Links begin with the api's address, so the port is chosen before it listens. Another process may take it in between.
    const port = String(await freePort());
    const address = { PORT: port, PUBLIC_BASE_URL: `http://127.0.0.1:${port}` };
    const key = `acme:test:${hashApiKey(apiKey)}`;
    const api = launch("apps/api/src/main.ts", { ...address, API_KEYS: key, ...own }, from);
    try {
      const listening = await api.logged("Listening on");
      return Object.assign(api, { origin: String(listening["address"]) });
    } catch (error) {
      if (tries === 1 || !String(error).includes(`Port ${port} on`)) throw error;
      return startApi(own, { from, tries: tries - 1 });
    }
  };
  const [apiServices, workerServices] = await Promise.all([
    Promise.all(Array.from({ length: apis }, () => startApi())),
    Promise.all(Array.from({ length: workers }, () => startWorker())),
  ]);
  const [api] = apiServices;
  if (api === undefined) throw new Error("A stack needs an api");

  const open = opened.move();
  return {
    redis,
    /** The folder of the object store. */
    images,
    apiKey,
    apis: apiServices,
    workers: workerServices,
    /** Starts a worker and does not wait for it: one that is about to die, say. */
    launchWorker,
    startWorker,
    startApi,
    /** The first api's, without a path. */
    origin: api.origin,
    openai: (options: { maxRetries?: number; timeout?: number } = {}) =>
      new OpenAI({ baseURL: `${api.origin}/v1`, apiKey, ...options }),
    /** One raw request for images, as a client without an SDK sends it. */
    generate: (body: object, init: RequestInit = {}) => {
      const answer = fetch(`${api.origin}/v1/images/generations`, {
        method: "POST",
        headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
        body: JSON.stringify(body),
        ...init,
      });
      // A test that fails before it awaits the answer takes the api away: the run would show that as an error of its own, beside the cause.
      answer.catch(() => {});
      return answer;
    },
    close: () => open.disposeAsync(),
  };
}

export type Stack = Awaited<ReturnType<typeof openStack>>;
