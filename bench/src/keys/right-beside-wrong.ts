import { setTimeout as pause } from "node:timers/promises";
import type { LoadResult, Target } from "../load/load-plan.ts";
import { startLoad } from "../load/start-load.ts";
import { startWrongKeys } from "../load/start-wrong-keys.ts";
import { median } from "../median.ts";
import { cpuMicros } from "../process-facts.ts";
import { openDarkroom } from "../systems/systems.ts";
import type { System } from "../systems/system.ts";
import type { Row, Scenario } from "../wait/scenario.ts";

/** Of each route: as many as one process answers with most of its time to spare. */
const rightPerSecond = 200;

/** For new connections and code that is not compiled yet. */
const settleMs = 1_000;

type Sample = { results: LoadResult[]; refusedPerSecond: number; cpuShare: number };

export const rightBesideWrong: Scenario = {
  number: 2,
  title: `${rightPerSecond} requests a second with a right key on each route, beside wrong ones`,
  async run({ quick, profileTo, tell }) {
    const rates = quick ? [0, 2_000] : [0, 2_000, 5_000, 10_000];
    const darkroom = await openDarkroom(
      { apis: 1, workers: 0, store: "memory", profileTo },
      // What is logged of refusals is a part of what they cost.
      { headers: { prefer: "respond-async" }, environment: { LOG_LEVEL: "info" } },
    );
    try {
      const samples = new Map(rates.map((rate) => [rate, [] as Sample[]]));
      for (let round = 0; round < (quick ? 1 : 5); round++) {
        // The other way round every second time: whatever else the machine does hits all alike.
        for (const rate of round % 2 === 0 ? rates : rates.toReversed()) {
          tell(`${rate} wrong keys a second, round ${round + 1}`);
          samples.get(rate)?.push(await measure(darkroom, rate, quick ? 300 : 1_000));
        }
      }
      return rowsOf(samples);
    } finally {
      await darkroom.close();
    }
  },
};

async function measure({ targets, apis: [api] }: System, rate: number, count: number): Promise<Sample> {
  const [post] = targets;
  if (api === undefined || post === undefined) throw new Error("There is no api to ask");
  const read: Target = { ...post, method: "GET", path: "/v1/models", body: null };
  const both = [
    { ...read, name: "GET /v1/models" },
    { ...post, name: "POST, `respond-async`" },
  ];
  const pace = { perSecond: rightPerSecond * both.length };
  const strangers = rate === 0 ? undefined : startWrongKeys({ origin: post.origin, perSecond: rate });
  if (strangers !== undefined) await pause(settleMs);
  const load = await startLoad({ targets: both, warmUp: 200, count: count * both.length, atMostMs: 60_000, pace });
  const before = await cpuMicros(api.pid);
  const { results, elapsedMs } = await load.go();
  const cpuShare = ((await cpuMicros(api.pid)) - before) / 1_000 / elapsedMs;
  return { results, cpuShare, refusedPerSecond: (await strangers?.stop()) ?? 0 };
}

function rowsOf(samples: ReadonlyMap<number, readonly Sample[]>): Row[] {
  const names = samples.get(0)?.[0]?.results.map(({ name }) => name) ?? [];
  return names.flatMap((name) => {
    const of = (rate: number, field: "p50Ms" | "p99Ms" | "failed") =>
      median((samples.get(rate) ?? []).map(({ results }) => results.find((one) => one.name === name)?.[field] ?? 0));
    return Array.from(samples, ([rate, taken]) => ({
      route: name,
      "wrong/s wanted": rate,
      "wrong/s refused": median(taken.map(({ refusedPerSecond }) => refusedPerSecond)),
      "api's core %": Math.round(median(taken.map(({ cpuShare }) => cpuShare)) * 100),
      "p50 ms": of(rate, "p50Ms"),
      "p99 ms": of(rate, "p99Ms"),
      "p99 against none": Math.round((of(rate, "p99Ms") / of(0, "p99Ms")) * 100) / 100,
      failed: of(rate, "failed"),
    }));
  });
}
