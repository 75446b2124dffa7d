import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { type PrivateRedis, startRedis, temporaryFolder } from "@darkroom/testing";
import OpenAI from "openai";
import { onTestFinished } from "vitest";
import { type Service, startService } from "./service.ts";

export type StackOptions = {
  apis?: number;
  workers?: number;
  /** Laid over the settings of every process. */
  environment?: Record<string, string>;
};

/** Locks short enough that a dead worker is noticed within about two seconds. */
const quickRecovery = { LOCK_DURATION_MS: "1000", STALLED_INTERVAL_MS: "500", JANITOR_INTERVAL_MS: "500" };

/**
 * Redis, api and worker processes as an operator runs them, with a folder for images and the sandbox for every provider, on ports and
 * in folders of their own. Taken down after the test, which fails if a process ended on its own.
 */
export async function startStack({ apis = 1, workers = 1, environment = {} }: StackOptions = {}) {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const apiKey = newApiKey();
  const shared = {
    REDIS_URL: redis.url,
    STORAGE: "filesystem",
    STORAGE_DIRECTORY: await temporaryFolder(),
    PUBLIC_BASE_URL: "http://127.0.0.1:1",
    LINK_SIGNING_SECRET: "a secret for tests, long enough to be one",
    SANDBOX_FALLBACK: "true",
    SANDBOX_DIRECTIVES: "true",
    LOG_LEVEL: "debug",
    ...quickRecovery,
    ...environment,
  };
  const running = new Set<Service>();
  const launch = (entry: string, own: Record<string, string>) => {
    const service = startService(entry, { ...shared, ...own });
    running.add(service);
    return service;
  };
  onTestFinished(async () => {
    await Promise.all([...running].map((service) => service.end("SIGKILL")));
  });

  const startWorker = async (own: Record<string, string> = {}) => {
    const worker = launch("apps/worker/src/main.ts", own);
    await worker.logged("Working");
    return worker;
  };
  const startApi = async (own: Record<string, string> = {}) => {
    const api = launch("apps/api/src/main.ts", { PORT: "0", API_KEYS: `acme:test:${hashApiKey(apiKey)}`, ...own });
    const { address } = await api.logged("Listening on");
    return Object.assign(api, { origin: String(address) });
  };
  const [apiServices, workerServices] = await Promise.all([
    Promise.all(Array.from({ length: apis }, () => startApi())),
    Promise.all(Array.from({ length: workers }, () => startWorker())),
  ]);
  const [api] = apiServices;
  if (api === undefined) throw new Error("A stack needs an api");

  const stack = {
    redis,
    apiKey,
    apis: apiServices,
    workers: workerServices,
    startWorker,
    startApi,
    /** The first api's, without a path. */
    origin: api.origin,
    openai: (options: { maxRetries?: number; timeout?: number } = {}) =>
      new OpenAI({ baseURL: `${api.origin}/v1`, apiKey, ...options }),
    /** One raw request for images, as a client without an SDK sends it. */
    generate: (body: object, init: RequestInit = {}) =>
      fetch(`${api.origin}/v1/images/generations`, {
        method: "POST",
        headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
        body: JSON.stringify(body),
        ...init,
      }),
  };
  return stack;
}

export type Stack = Awaited<ReturnType<typeof startStack>>;
export type { PrivateRedis };
