import { join } from "node:path";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { darkroomKeys, darkroomLane } from "../open-submitter.ts";
import { type MeasuredProcess, startProcess } from "../start-process.ts";
import { openSystem } from "./open-system.ts";
import type { System, SystemOptions } from "./system.ts";

/** Jobs at a time in a worker: more make neither system faster on two cores, fewer make both slower. */
const concurrency = 100;

/** The least that both take: one small picture. */
const imageRequest = { model: "dall-e-2", prompt: "A lighthouse at dusk, seen from the sea", size: "256x256" };

const top = join(import.meta.dirname, "../../..");
const baseline = join(top, "bench/baseline");

/** Darkroom's own api and worker, as an operator runs them, with a provider that has its picture at once. */
export function openDarkroom(
  options: SystemOptions,
  over: { headers?: Record<string, string>; environment?: Record<string, string> } = {},
): Promise<System> {
  const apiKey = newApiKey();
  return openSystem(
    {
      name: "darkroom",
      api: { program: join(top, "apps/api/src/main.ts"), portVariable: "PORT" },
      worker: { program: join(top, "apps/worker/src/main.ts"), portVariable: "WORKER_PORT" },
      environment: {
        SANDBOX_FALLBACK: "true",
        SANDBOX_INSTANT: "true",
        WORKER_CONCURRENCY: String(concurrency),
        // What ten thousand waiting callers cost is measured here, and not how many are refused.
        MAX_HELD_REQUESTS: "20000",
        MAX_HELD_REQUESTS_PER_KEY: "20000",
        API_KEYS: `acme:bench:${hashApiKey(apiKey)}`,
        ...over.environment,
      },
      headers: { authorization: `Bearer ${apiKey}`, ...over.headers },
      body: JSON.stringify(imageRequest),
      waiting: (redis) => redis.zcard(`${darkroomKeys.lanes}:${darkroomLane}:prioritized`),
    },
    options,
  );
}

/** Fastify and BullMQ's `waitUntilFinished`: what one writes who reads BullMQ's documentation. */
export function openUsual(
  options: SystemOptions,
  over: { environment?: Record<string, string> } = {},
): Promise<System> {
  return openSystem(
    {
      name: "usual",
      api: { program: join(baseline, "api.ts"), portVariable: "PORT" },
      worker: { program: join(baseline, "worker.ts"), portVariable: "PORT" },
      environment: {
        CONCURRENCY: String(concurrency),
        STORES_IMAGES: String(options.store !== "none"),
        ...over.environment,
      },
      headers: {},
      body: JSON.stringify(imageRequest),
      waiting: (redis) => redis.llen("bull:images:wait"),
    },
    options,
  );
}

/** Node alone, which refuses all requests. */
export const openFixedRefusal = (redisUrl: string): Promise<MeasuredProcess> =>
  startProcess({
    program: join(baseline, "fixed-refusal.ts"),
    environment: { REDIS_URL: redisUrl },
    portVariable: "PORT",
    profileTo: undefined,
  });

/** One route that writes once to Redis and answers. */
export function openBareRoute(options: Omit<SystemOptions, "store" | "workers">): Promise<System> {
  return openSystem(
    {
      name: "bare",
      api: { program: join(baseline, "bare-route.ts"), portVariable: "PORT" },
      worker: null,
      environment: {},
      headers: {},
      body: JSON.stringify(imageRequest),
      waiting: async () => 0,
    },
    { ...options, store: "none", workers: 0 },
  );
}
