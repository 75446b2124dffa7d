import { setTimeout as pause } from "node:timers/promises";
import type { LoadResult, Target } from "../load/load-plan.ts";
import { startLoad } from "../load/start-load.ts";
import { startWrongKeys } from "../load/start-wrong-keys.ts";
import { median } from "../median.ts";
import { cpuMicros } from "../process-facts.ts";
import type { MeasuredProcess } from "../start-process.ts";
import { openDarkroom, openFixedRefusal } from "../systems/systems.ts";
import type { System } from "../systems/system.ts";
import type { Row, Scenario } from "../wait/scenario.ts";

/** Of each route: as many as one process answers with most of its time to spare. */
const rightPerSecond = 200;

/** For new connections and code that is not compiled yet. */
const settleMs = 1_000;

/** Whom wrong keys are tried on, how many a second, and over how many connections. */
type Flood = { at: "none" | "Darkroom" | "another server"; perSecond: number; connections: number };

type Sample = { results: LoadResult[]; refusedPerSecond: number; cpuShare: number };

export const rightBesideWrong: Scenario = {
  number: 2,
  title: `${rightPerSecond} requests a second with a right key on each route, beside wrong ones`,
  async run({ quick, profileTo, tell }) {
    const floods = [noFlood, ...floodsAt("another server", { quick }), ...floodsAt("Darkroom", { quick })];
    await using opened = new AsyncDisposableStack();
    const darkroom = await openDarkroom(
      { apis: 1, workers: 0, store: "memory", profileTo },
      // What is logged of refusals is a part of what they cost.
      { headers: { prefer: "respond-async" }, environment: { LOG_LEVEL: "info" } },
    );
    opened.defer(() => darkroom.close());
    // What a flood does to right keys that are not tried where it arrives is the machine's part: it has cores for so much, and no more.
    const other = await openFixedRefusal(darkroom.redisUrl);
    opened.defer(() => other.stop());
    const samples = new Map(floods.map((flood) => [flood, [] as Sample[]]));
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      // The other way round every second time: whatever else the machine does hits all alike.
      for (const flood of round % 2 === 0 ? floods : floods.toReversed()) {
        tell(`${flood.perSecond} wrong keys a second at ${flood.at}, round ${round + 1}`);
        samples.get(flood)?.push(await measure(darkroom, other, flood, quick ? 300 : 1_000));
      }
    }
    return rowsOf(samples);
  },
};

const noFlood: Flood = { at: "none", perSecond: 0, connections: 0 };

/** As many connections as a busy client has; at last more than we let wait (`apps/api/src/http/authentication-throttle.ts`). */
const rates: readonly Omit<Flood, "at">[] = [
  { perSecond: 2_000, connections: 100 },
  { perSecond: 5_000, connections: 100 },
  { perSecond: 10_000, connections: 100 },
  { perSecond: 10_000, connections: 2_000 },
];

const floodsAt = (at: Flood["at"], { quick }: { quick: boolean }): Flood[] =>
  rates.slice(0, quick ? 1 : rates.length).map(({ perSecond, connections }) => ({ at, perSecond, connections }));

async function measure(
  { targets, apis: [api] }: System,
  other: MeasuredProcess,
  { at, perSecond, connections }: Flood,
  count: number,
): Promise<Sample> {
  const [post] = targets;
  if (api === undefined || post === undefined) throw new Error("There is no api to ask");
  const read: Target = { ...post, method: "GET", path: "/v1/models", body: null };
  const both = [
    { ...read, name: "GET" },
    { ...post, name: "POST" },
  ];
  const pace = { perSecond: rightPerSecond * both.length };
  const { origin } = at === "Darkroom" ? post : other;
  const flood = perSecond === 0 ? undefined : startWrongKeys({ origin, perSecond, connections });
  if (flood !== undefined) await pause(settleMs);
  const load = await startLoad({ targets: both, warmUp: 200, count: count * both.length, atMostMs: 60_000, pace });
  const before = await cpuMicros(api.pid);
  const { results, elapsedMs } = await load.go();
  const cpuShare = ((await cpuMicros(api.pid)) - before) / 1_000 / elapsedMs;
  return { results, cpuShare, refusedPerSecond: (await flood?.stop()) ?? 0 };
}

function rowsOf(samples: ReadonlyMap<Flood, readonly Sample[]>): Row[] {
  const calm = [...samples.values()][0] ?? [];
  const of = (taken: readonly Sample[], name: string, field: "p50Ms" | "p99Ms" | "failed") =>
    median(taken.map(({ results }) => results.find((one) => one.name === name)?.[field] ?? 0));
  return Array.from(samples, ([{ at, perSecond, connections }, taken]) => {
    const row: Row = {
      "flood at": at,
      "wrong/s wanted": perSecond,
      connections,
      "refused/s": median(taken.map(({ refusedPerSecond }) => refusedPerSecond)),
      "api's core %": Math.round(median(taken.map(({ cpuShare }) => cpuShare)) * 100),
    };
    for (const name of ["GET", "POST"]) {
      row[`${name} p50 ms`] = of(taken, name, "p50Ms");
      row[`${name} p99 ms`] = of(taken, name, "p99Ms");
      row[`${name} p99 against none`] = Math.round((of(taken, name, "p99Ms") / of(calm, name, "p99Ms")) * 100) / 100;
    }
    row["failed"] = of(taken, "GET", "failed") + of(taken, "POST", "failed");
    return row;
  });
}
