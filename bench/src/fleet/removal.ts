import { setTimeout as pause } from "node:timers/promises";
import { unlimited } from "@darkroom/accounts";
import { newGenerationId } from "@darkroom/contracts";
import { createProducer, createWorker } from "@darkroom/generations";
import type { Redis } from "ioredis";
import { darkroomKeys as keys } from "../open-submitter.ts";
import { readRedis } from "../redis-meter.ts";
import { openDarkroom } from "../systems/systems.ts";
import type { Scenario } from "../wait/scenario.ts";
import { byWorkers } from "./by-workers.ts";
import { startSlowS3 } from "./slow-s3.ts";

const usualCount = 20_000;
const quickCount = 2_000;
/** Generations that are made at a time. */
const chunk = 200;
/** How often a submission beside the removal is timed, in milliseconds. */
const submitEveryMs = 10;
/** Half a second with nothing to remove, to compare with. */
const alone = 50;

const log = { debug() {}, info() {}, warn() {}, error() {} };
const retention = { recordsMs: 86_400_000, claimsMs: 86_400_000, tombstonesMs: 86_400_000 };
const bill = { images: 1, inputTokens: 0, outputTokens: 0, costMicros: 0, providerCostMicros: null };
const objectOf = (id: string) => `_images/${id}/1-0.png`;

/** Generations as api and workers leave them, each with one image. */
function openMaker(redis: Redis) {
  const { generations, lanes } = createProducer({ redis, keys }, { retention, log });
  const { attempts } = createWorker({ redis, keys }, { retention, log, dropObjects: async () => {} });
  /** No worker works off this lane. */
  const lane = "nobody.interactive";

  async function submit(): Promise<string> {
    const id = newGenerationId(Date.now());
    await generations.submit({
      id,
      tenant: `tenant-${id.charCodeAt(id.length - 1)}`,
      keyId: "key",
      lane,
      model: "dall-e-2",
      request: { model: "dall-e-2", prompt: `A lighthouse at dusk, seen from the boat ${id}` },
      upstream: { model: "dall-e-2", parameters: { n: 1 } },
      terms: {},
      admission: { ...unlimited, images: 1, worstCaseMicros: 0 },
      forceNew: true,
    });
    return id;
  }

  return {
    submit,
    close: () => lanes.close(),
    async end(): Promise<string> {
      const id = await submit();
      await attempts.start(id, lane);
      const image = { index: 0, key: objectOf(id), bytes: 3, mediaType: "image/png", width: 1, height: 1 };
      await attempts.succeed(id, lane, 1, { provider: "nobody", images: [image] }, bill);
      return id;
    },
  };
}

/** The 99th percentile, in milliseconds. */
const p99 = (times: readonly number[]): number => {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.floor(sorted.length * 0.99)] ?? 0) * 10) / 10;
};

/** Removal of expired generations from an S3 that takes 20 ms a call, and submissions beside it. */
export const removal: Scenario = {
  number: 3,
  title: "Removal of expired generations",
  run: (settings) =>
    byWorkers(settings, async (workers) => {
      const count = settings.quick ? quickCount : usualCount;
      await using opened = new AsyncDisposableStack();
      const store = await startSlowS3();
      opened.defer(() => store.close());
      const environment = { ...store.environment, RECOVERY_INTERVAL_MS: "200" };
      const options = { apis: 0, workers, store: "memory", profileTo: settings.profileTo } as const;
      const system = await openDarkroom(options, { environment });
      opened.defer(() => system.close());
      const { redis } = system;
      const maker = openMaker(redis);
      opened.defer(() => maker.close());
      const ids: string[] = [];
      while (ids.length < count) ids.push(...(await Promise.all(Array.from({ length: chunk }, () => maker.end()))));

      const timesMs: number[] = [];
      const submitOnce = async () => {
        const beganAtMs = performance.now();
        await maker.submit();
        timesMs.push(performance.now() - beganAtMs);
        await pause(submitEveryMs);
      };
      while (timesMs.length < alone) await submitOnce();
      const aloneMs = p99(timesMs.splice(0));

      const [before, callsBefore] = [await readRedis(redis), store.calls()];
      const due = ids.flatMap((id) => ["1", id]);
      for (let at = 0; at < due.length; at += 2 * chunk)
        await redis.zadd(keys.retained, ...due.slice(at, at + 2 * chunk));
      const beganAtMs = performance.now();
      while ((await redis.zcard(keys.retained)) > 0) await submitOnce();
      const tookMs = performance.now() - beganAtMs;
      const after = await readRedis(redis);
      const often = ids.filter((id) => store.timesRemoved(objectOf(id)) !== 1).length;
      return {
        "generations removed a second": Math.round((count / tookMs) * 1_000),
        "calls to the store": store.calls() - callsBefore,
        "objects that were not removed exactly once": often,
        "Redis commands for each generation": Math.round(((after.commands - before.commands) / count) * 10) / 10,
        "Redis CPU for each generation, µs": Math.round((after.cpuMicros - before.cpuMicros) / count),
        "a submission with nothing beside it, p99 ms": aloneMs,
        "a submission beside the removal, p99 ms": p99(timesMs),
      };
    }),
};
