import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { newGenerationId } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import type { LoadResult, Target } from "../load/load-plan.ts";
import { startLoad } from "../load/start-load.ts";
import { median } from "../median.ts";
import { openSubmitter } from "../open-submitter.ts";
import { startProcess } from "../start-process.ts";
import { openBareRoute, openDarkroom } from "../systems/systems.ts";
import type { Row, Scenario, ScenarioSettings } from "./scenario.ts";

/** Of each route: a tenth of what the machine can do, so that a wait for the CPU is not what is measured. */
const perSecond = 100;

const submitRoute = join(import.meta.dirname, "../../baseline/submit-route.ts");

export const submitLatency: Scenario = {
  number: 4,
  title: "Accepting a request, beside a bare route with one write to Redis",
  async run(settings) {
    const { quick, profileTo, tell } = settings;
    const bare = await openBareRoute({ apis: 1, profileTo });
    const darkroom = await openDarkroom(
      { apis: 1, workers: 0, store: "memory", profileTo },
      { headers: { prefer: "respond-async" } },
    );
    const environment = { REDIS_URL: darkroom.redisUrl };
    const queue = await startProcess({ program: submitRoute, environment, portVariable: "PORT", profileTo });
    try {
      const targets = bare.targets.flatMap((target) => [target, { ...target, name: "queue", origin: queue.origin }]);
      if (await isAccepted(darkroom.targets)) targets.push(...darkroom.targets);
      else tell("The api does not answer 202 to `Prefer: respond-async`; only its queue is measured");
      const rows: Row[] = [];
      for (const depth of [0, quick ? 5_000 : 200_000]) {
        if (depth > 0) await fill(darkroom.redis, depth, tell);
        tell(`Submitting with ${depth} jobs waiting`);
        rows.push(...(await measure(targets, depth, settings)));
      }
      return rows;
    } finally {
      await Promise.all([bare.close(), queue.stop()]);
      await darkroom.close();
    }
  },
};

/** Whether a caller is answered 202 at once. One who is not waits for a worker, and there is none. */
async function isAccepted([target]: readonly Target[]): Promise<boolean> {
  if (target === undefined) return false;
  const { origin, headers, body } = target;
  const signal = AbortSignal.timeout(2_000);
  const request = fetch(`${origin}/v1/images/generations`, { method: "POST", headers, body, signal });
  return request.then(
    ({ status }) => status === 202,
    () => false,
  );
}

async function measure(targets: readonly Target[], depth: number, { quick }: ScenarioSettings): Promise<Row[]> {
  const rounds: LoadResult[] = [];
  const pace = { perSecond: perSecond * targets.length };
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    const count = (quick ? 300 : 1_500) * targets.length;
    const load = await startLoad({ targets, warmUp: 200 * targets.length, count, atMostMs: 30_000, pace });
    rounds.push(...(await load.go()).results);
  }
  return targets.map(({ name }) => {
    const of = rounds.filter((result) => result.name === name);
    return {
      "jobs waiting": depth,
      route: routes[name] ?? name,
      "p50 ms": median(of.map(({ p50Ms }) => p50Ms)),
      "p99 ms": median(of.map(({ p99Ms }) => p99Ms)),
      "max ms": median(of.map(({ maxMs }) => maxMs)),
      failed: of.reduce((sum, { failed }) => sum + failed, 0),
    };
  });
}

const routes: Record<string, string> = {
  bare: "bare, one write",
  queue: "the queue alone",
  darkroom: "Darkroom, `respond-async`",
};

/** Submissions in flight while the lane is filled: enough to keep Redis busy, few enough to leave it room. */
const chunk = 500;

/** Puts generations on the lane as the api does, of a hundred tenants. */
async function fill(redis: Redis, count: number, tell: (text: string) => void): Promise<void> {
  tell(`Filling the lane with ${count} jobs`);
  const submit = openSubmitter(redis);
  const request = { model: "dall-e-2", prompt: "A lighthouse at dusk, seen from the sea", size: "256x256" };
  for (let from = 0; from < count; from += chunk) {
    const ids = Array.from({ length: Math.min(chunk, count - from) }, () => newGenerationId(Date.now()));
    await Promise.all(ids.map((id, i) => submit(id, `tenant-${i % 100}`, request)));
  }
  // Redis rewrites its log as it grows; that is over before anything is measured.
  while (/^aof_rewrite_(in_progress|scheduled):1/m.test(await redis.info("persistence"))) await pause(200);
}
