import { median } from "../median.ts";
import { cpuMicros } from "../process-facts.ts";
import { readRedis } from "../redis-meter.ts";
import type { Row, Scenario, ScenarioSettings } from "../wait/scenario.ts";
import { createBatchClient } from "./batch-client.ts";
import { type BatchSystem, openBatchSystem } from "./open-batch-system.ts";
import { runBatch } from "./run-batch.ts";
import { watchPeaks } from "./watch-peaks.ts";

/** In the order in which they are shown, and with how many digits behind the point. */
const quantities = [
  ["upload s", 1],
  ["validation s", 1],
  ["running s", 1],
  ["finalization s", 1],
  ["POST to completed s", 1],
  ["lines/s validated", 0],
  ["lines/s run", 0],
  ["lines/s finalized", 0],
  ["lines/s POST to completed", 0],
  ["Redis peak above idle MB", 1],
  ["Redis CPU µs/line", 0],
  ["api CPU µs/line", 0],
  ["batch worker CPU µs/line", 0],
  ["api RSS peak MB", 0],
  ["callers' worker RSS peak MB", 0],
  ["batch worker RSS peak MB", 0],
] as const;
type Sample = Record<(typeof quantities)[number][0], number>;

export const wholeBatch: Scenario = {
  number: 1,
  title: "A batch from its upload to its output, and a tenth of it",
  async run(settings) {
    const { quick, tell, lines } = settings;
    const sizes = [lines / 10, lines].map(Math.ceil);
    const samples = new Map(sizes.map((size) => [size, [] as Sample[]]));
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      for (const size of sizes) {
        tell(`${size} lines, round ${round + 1}`);
        samples.get(size)?.push(await measure(size, settings));
      }
    }
    return rowsOf(samples);
  },
};

/** Each batch has processes of its own: what an earlier one left in their memory would hide what this one needs. */
async function measure(lines: number, { profileTo }: ScenarioSettings): Promise<Sample> {
  const system = await openBatchSystem(profileTo);
  try {
    return await measureOn(system, lines);
  } finally {
    await system.close();
  }
}

async function measureOn(
  { redis, targets: [target], api, callers, batches }: BatchSystem,
  lines: number,
): Promise<Sample> {
  if (target === undefined) throw new Error("There is no api to ask");
  const cpu = async () => ({
    redis: (await readRedis(redis)).cpuMicros,
    api: await cpuMicros(api.pid),
    batches: await cpuMicros(batches.pid),
  });
  const idle = await (await watchPeaks(redis, [])).stop();
  const before = await cpu();
  const watch = await watchPeaks(
    redis,
    [api, callers, batches].map(({ pid }) => pid),
  );
  const times = await runBatch(createBatchClient(target), lines);
  const peaks = await watch.stop();
  const after = await cpu();
  const [apiBytes = 0, callersBytes = 0, batchesBytes = 0] = peaks.processes;
  const each = (part: keyof typeof after) => (after[part] - before[part]) / lines;
  const perSecond = (ms: number) => (lines * 1_000) / ms;
  return {
    "upload s": times.uploadMs / 1_000,
    "validation s": times.validationMs / 1_000,
    "running s": times.runningMs / 1_000,
    "finalization s": times.finalizationMs / 1_000,
    "POST to completed s": times.endToEndMs / 1_000,
    "lines/s validated": perSecond(times.validationMs),
    "lines/s run": perSecond(times.runningMs),
    "lines/s finalized": perSecond(times.finalizationMs),
    "lines/s POST to completed": perSecond(times.endToEndMs),
    "Redis peak above idle MB": (peaks.redis - idle.redis) / 1e6,
    "Redis CPU µs/line": each("redis"),
    "api CPU µs/line": each("api"),
    "batch worker CPU µs/line": each("batches"),
    "api RSS peak MB": apiBytes / 1e6,
    "callers' worker RSS peak MB": callersBytes / 1e6,
    "batch worker RSS peak MB": batchesBytes / 1e6,
  };
}

function rowsOf(samples: ReadonlyMap<number, readonly Sample[]>): Row[] {
  return quantities.map(([quantity, digits]): Row => {
    const row: Row = { quantity };
    const medians: number[] = [];
    for (const [size, taken] of samples) {
      const middle = median(taken.map((sample) => sample[quantity]));
      medians.push(middle);
      row[`${size} lines`] = round(middle, digits);
    }
    const [small = 0, large = 0] = medians;
    row["ratio"] = round(large / small, 2);
    return row;
  });
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
