import { setTimeout as pause } from "node:timers/promises";
import { newGenerationId } from "@darkroom/contracts";
import { createGenerationStore, createLanes, createSubmitter } from "@darkroom/queue";
import type { Redis } from "ioredis";
import type { LoadResult, Target } from "../load/load-plan.ts";
import { startLoad } from "../load/start-load.ts";
import { median } from "../median.ts";
import { darkroomKeys as keys, darkroomLane, openBareRoute, openDarkroom } from "../systems/systems.ts";
import type { Row, Scenario, ScenarioSettings } from "./scenario.ts";

/** Half of them to each: a tenth of what the machine can do, so that a wait for the CPU is not what is measured. */
const perSecond = 200;

export const submitLatency: Scenario = {
  number: 4,
  title: "Submitting with `Prefer: respond-async`, beside a bare route with one write to Redis",
  async run(settings) {
    const { quick, profileTo, tell } = settings;
    const bare = await openBareRoute({ apis: 1, profileTo });
    const darkroom = await openDarkroom(
      { apis: 1, workers: 0, store: "memory", profileTo },
      { headers: { prefer: "respond-async" } },
    );
    try {
      const targets = [...bare.targets, ...darkroom.targets];
      await assertAccepted(darkroom.targets);
      const rows: Row[] = [];
      for (const depth of [0, quick ? 10_000 : 200_000]) {
        if (depth > 0) await fill(darkroom.redis, depth, tell);
        tell(`Submitting with ${depth} jobs waiting`);
        rows.push(...(await measure(targets, depth, settings)));
      }
      return rows;
    } finally {
      await Promise.all([bare.close(), darkroom.close()]);
    }
  },
};

/** A caller who is not answered 202 waits for a worker, and there is none. */
async function assertAccepted(targets: readonly Target[]): Promise<void> {
  for (const { origin, headers, body } of targets) {
    const signal = AbortSignal.timeout(5_000);
    const answer = await fetch(`${origin}/v1/images/generations`, { method: "POST", headers, body, signal });
    if (answer.status !== 202) throw new Error(`${origin} answered ${answer.status}, not 202: ${await answer.text()}`);
    await answer.body?.cancel();
  }
}

async function measure(targets: readonly Target[], depth: number, { quick }: ScenarioSettings): Promise<Row[]> {
  const rounds: LoadResult[] = [];
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    const count = quick ? 800 : 3_000;
    const load = await startLoad({ targets, warmUp: 400, count, atMostMs: 30_000, pace: { perSecond } });
    rounds.push(...(await load.go()).results);
  }
  return ["bare", "darkroom"].map((name) => {
    const of = rounds.filter((result) => result.name === name);
    return {
      "jobs waiting": depth,
      route: name,
      "p50 ms": median(of.map(({ p50Ms }) => p50Ms)),
      "p99 ms": median(of.map(({ p99Ms }) => p99Ms)),
      "max ms": median(of.map(({ maxMs }) => maxMs)),
      failed: of.reduce((sum, { failed }) => sum + failed, 0),
    };
  });
}

/** Submissions in flight while the lane is filled: enough to keep Redis busy, few enough to leave it room. */
const chunk = 500;

/** Puts generations on the lane as the api does, of a hundred tenants. */
async function fill(redis: Redis, count: number, tell: (text: string) => void): Promise<void> {
  tell(`Filling the lane with ${count} jobs`);
  const store = createGenerationStore(redis, keys, {
    recordsMs: 86_400_000,
    claimsMs: 86_400_000,
    tombstonesMs: 86_400_000,
  });
  const lanes = createLanes(redis, keys);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const submit = createSubmitter({ redis, keys, store, lanes, log });
  const request = { model: "dall-e-2", prompt: "A lighthouse at dusk, seen from the sea", size: "256x256" };
  const parameters = { n: 1, size: "256x256" };
  for (let from = 0; from < count; from += chunk) {
    await Promise.all(
      Array.from({ length: Math.min(chunk, count - from) }, (_, i) =>
        submit({
          id: newGenerationId(Date.now()),
          tenant: `tenant-${i % 100}`,
          keyId: "key_bench",
          lane: darkroomLane,
          model: "dall-e-2",
          request,
          upstream: { model: "dall-e-2", parameters },
        }),
      ),
    );
  }
  // Redis writes its log anew as it grows; that is over before anything is measured.
  while (/^aof_rewrite_(in_progress|scheduled):1/m.test(await redis.info("persistence"))) await pause(200);
}
