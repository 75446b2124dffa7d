import { startLoad } from "../load/start-load.ts";
import { countRoundTrips, readRedis } from "../redis-meter.ts";
import { openDarkroom, openUsual } from "../systems/systems.ts";
import type { System, SystemOptions } from "../systems/system.ts";
import type { Row, Scenario, ScenarioSettings } from "./scenario.ts";

const callers = 50;
/** Jobs that are watched command by command: enough that what happens once a second is lost in them. */
const watched = 300;

export const redisCost: Scenario = {
  number: 2,
  title: "What a job costs Redis",
  async run(settings) {
    const rows: Row[] = [];
    for (const apis of settings.quick ? [1] : [1, 8]) {
      for (const { name, open } of [
        { name: "usual pattern", open: (options: SystemOptions) => openUsual({ ...options, store: "none" }) },
        { name: "Darkroom", open: openDarkroom },
      ]) {
        settings.tell(`${apis} api, ${name}`);
        const { profileTo } = settings;
        const system = await open({ apis, workers: 1, store: "memory", profileTo });
        try {
          rows.push({ apis, system: name, ...(await measure(system, settings)) });
        } finally {
          await system.close();
        }
      }
    }
    return rows;
  },
};

async function measure({ targets, redis }: System, { quick }: ScenarioSettings): Promise<Row> {
  const count = quick ? 600 : 10_000;
  const plan = { targets, warmUp: (quick ? 200 : 1_000) * targets.length, count, atMostMs: 30_000, pace: { callers } };
  const load = await startLoad(plan);
  const before = await readRedis(redis);
  const { results } = await load.go();
  const after = await readRedis(redis);
  const answered = results[0]?.answered ?? 0;
  const each = (field: keyof typeof after) => (after[field] - before[field]) / answered;

  const counted = await startLoad({ ...plan, warmUp: 50, count: watched });
  const trips = await countRoundTrips(redis);
  await counted.go();
  const counts = [...trips.counts()].map(([name, calls]) => ({ name, perJob: calls / watched }));
  trips.stop();

  return {
    "CPU µs/job": Math.round(each("cpuMicros")),
    "commands/job": round(each("commands")),
    "sent B/job": Math.round(each("sentBytes")),
    "round trips/job": round(counts.reduce((sum, { perJob }) => sum + perJob, 0)),
    which: counts
      .filter(({ perJob }) => perJob >= 0.05)
      .toSorted((a, b) => b.perJob - a.perJob)
      .map(({ name, perJob }) => `${name} ${round(perJob)}`)
      .join(", "),
  };
}

const round = (n: number): number => Math.round(n * 10) / 10;
