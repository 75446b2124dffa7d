import { startLoad } from "../load/start-load.ts";
import { cpuMicros } from "../process-facts.ts";
import { median } from "../median.ts";
import type { MeasuredProcess } from "../start-process.ts";
import { openDarkroom, openUsual } from "../systems/systems.ts";
import type { StoreKind, System, SystemOptions } from "../systems/system.ts";
import type { Row, Scenario, ScenarioSettings } from "./scenario.ts";

type Variant = { name: string; store: StoreKind; open: (options: SystemOptions) => Promise<System> };

/** Beside each of ours stands the usual pattern with the same bytes in the same kind of store. */
const variants: Variant[] = [
  { name: "usual pattern", store: "none", open: openUsual },
  { name: "Darkroom", store: "memory", open: openDarkroom },
  { name: "usual pattern", store: "tmpfs", open: openUsual },
  { name: "Darkroom", store: "tmpfs", open: openDarkroom },
];

const callers = 200;

export const throughput: Scenario = {
  number: 1,
  title: `${callers} callers at a time, answered on the line`,
  async run(settings) {
    const rounds = settings.quick ? 1 : 3;
    const chosen = settings.quick ? variants.slice(2) : variants;
    const rows: Row[] = [];
    for (const apis of settings.quick ? [1, 2] : [1, 4]) {
      const samples = new Map(chosen.map((variant) => [variant, [] as Sample[]]));
      for (let round = 0; round < rounds; round++) {
        // In turn, and the other way round every second time: whatever else the machine does hits all alike.
        for (const variant of round % 2 === 0 ? chosen : chosen.toReversed()) {
          settings.tell(`${apis} api, ${variant.name}, store ${variant.store}, round ${round + 1}`);
          samples.get(variant)?.push(await measure(variant, apis, settings));
        }
      }
      for (const [{ name, store }, taken] of samples) rows.push({ apis, system: name, store, ...summarize(taken) });
    }
    return rows;
  },
};

type Sample = {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  failed: number;
  apiMicros: number;
  workerMicros: number;
  redisMicros: number;
};

async function measure(variant: Variant, apis: number, { quick, profileTo }: ScenarioSettings): Promise<Sample> {
  const system = await variant.open({ apis, workers: 1, store: variant.store, profileTo });
  try {
    const load = await startLoad({
      targets: system.targets,
      // Each process has its own code to compile.
      warmUp: (quick ? 300 : 2_500) * apis,
      count: quick ? 600 : 10_000,
      atMostMs: 30_000,
      pace: { callers },
    });
    const cpu = async () => ({
      api: await cpuOf(system.apis),
      worker: await cpuOf(system.workers),
      redis: await cpuMicros(system.redisPid),
    });
    const before = await cpu();
    const { results } = await load.go();
    const after = await cpu();
    const [result] = results;
    if (result === undefined) throw new Error("The load generator had no result");
    const { perSecond, p50Ms, p99Ms, failed, answered } = result;
    const each = (part: keyof typeof after) => Math.round((after[part] - before[part]) / answered);
    return {
      perSecond,
      p50Ms,
      p99Ms,
      failed,
      apiMicros: each("api"),
      workerMicros: each("worker"),
      redisMicros: each("redis"),
    };
  } finally {
    await system.close();
  }
}

async function cpuOf(processes: readonly MeasuredProcess[]): Promise<number> {
  const each = await Promise.all(processes.map(({ pid }) => cpuMicros(pid)));
  return each.reduce((sum, micros) => sum + micros, 0);
}

function summarize(samples: readonly Sample[]): Row {
  const of = (field: keyof Sample) => samples.map((sample) => sample[field]);
  return {
    "requests/s": median(of("perSecond")),
    "p50 ms": median(of("p50Ms")),
    "p99 ms": median(of("p99Ms")),
    failed: of("failed").reduce((sum, failed) => sum + failed, 0),
    "api CPU µs/job": median(of("apiMicros")),
    "worker CPU µs/job": median(of("workerMicros")),
    "Redis CPU µs/job": median(of("redisMicros")),
  };
}
