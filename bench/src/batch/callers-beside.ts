import { setTimeout as pause } from "node:timers/promises";
import type { LoadResult } from "../load/load-plan.ts";
import { startLoad } from "../load/start-load.ts";
import { median } from "../median.ts";
import type { System } from "../systems/system.ts";
import type { Row, Scenario } from "../wait/scenario.ts";
import { createBatchClient } from "./batch-client.ts";
import { openBatchSystem } from "./open-batch-system.ts";
import { runBatch } from "./run-batch.ts";

const perSecond = 20;

/** More than any batch takes here. */
const atMostMs = 1_200_000;

export const callersBeside: Scenario = {
  number: 2,
  title: `${perSecond} callers a second who wait for their image, beside a batch and without`,
  async run({ quick, lines, profileTo, tell }) {
    const alone: LoadResult[] = [];
    const beside: LoadResult[] = [];
    const system = await openBatchSystem(profileTo);
    const [target] = system.targets;
    if (target === undefined) throw new Error("There is no api to ask");
    const client = createBatchClient(target);
    try {
      for (let round = 0; round < (quick ? 1 : 3); round++) {
        tell(`Callers alone, round ${round + 1}`);
        alone.push(await callDuring(system, () => pause(quick ? 5_000 : 30_000)));
        tell(`Callers beside a batch of ${lines} lines, round ${round + 1}`);
        beside.push(await callDuring(system, () => runBatch(client, lines)));
      }
    } finally {
      await system.close();
    }
    return rowsOf({ alone, "beside a batch": beside });
  },
};

/** How callers fare while something goes on. */
async function callDuring({ targets }: System, work: () => Promise<unknown>): Promise<LoadResult> {
  const count = (perSecond * atMostMs) / 1_000;
  const load = await startLoad({ targets, warmUp: 200, count, atMostMs, pace: { perSecond } });
  const done = load.go();
  try {
    await work();
  } finally {
    load.stop();
  }
  const [result] = (await done).results;
  if (result === undefined) throw new Error("The load generator had no result");
  return result;
}

function rowsOf(taken: Record<string, readonly LoadResult[]>): Row[] {
  const [[, first] = ["", []]] = Object.entries(taken);
  const ratio = (results: readonly LoadResult[], field: "p50Ms" | "p99Ms") =>
    Math.round((middle(results, field) / middle(first, field)) * 100) / 100;
  return Object.entries(taken).map(([callers, results]) => ({
    callers,
    answered: sum(results, "answered"),
    failed: sum(results, "failed"),
    "p50 ms": middle(results, "p50Ms"),
    "p99 ms": middle(results, "p99Ms"),
    "max ms": middle(results, "maxMs"),
    "p50 ratio": ratio(results, "p50Ms"),
    "p99 ratio": ratio(results, "p99Ms"),
  }));
}

const middle = (results: readonly LoadResult[], field: "p50Ms" | "p99Ms" | "maxMs"): number =>
  median(results.map((result) => result[field]));

const sum = (results: readonly LoadResult[], field: "answered" | "failed"): number =>
  results.reduce((total, result) => total + result[field], 0);
