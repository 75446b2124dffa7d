import { setTimeout as pause } from "node:timers/promises";
import { startLoad } from "../load/start-load.ts";
import { residentBytes } from "../process-facts.ts";
import { openDarkroom, openUsual } from "../systems/systems.ts";
import type { System } from "../systems/system.ts";
import type { Row, Scenario, ScenarioSettings } from "./scenario.ts";

/** All jobs wait because no worker runs; it is started when the time is over. Nothing but the wait is measured that way. */
export const waitingMemory: Scenario = {
  number: 3,
  title: "Callers that wait on one api process at once, for 20 s",
  async run(settings) {
    const { profileTo } = settings;
    const options = { apis: 1, workers: 1, profileTo };
    const rows: Row[] = [];
    for (const { name, open } of [
      { name: "usual pattern", open: () => openUsual({ ...options, store: "none" }) },
      { name: "Darkroom", open: () => openDarkroom({ ...options, store: "memory" }) },
    ]) {
      const system = await open();
      try {
        rows.push({ system: name, ...(await measure(system, settings)) });
      } finally {
        await system.close();
      }
    }
    return rows;
  },
};

async function measure(system: System, { quick, tell }: ScenarioSettings): Promise<Row> {
  const callers = quick ? 500 : 10_000;
  const holdMs = quick ? 2_000 : 20_000;
  const { targets } = system;
  const [api] = system.apis;
  if (api === undefined) throw new Error("There is no api process");

  const warmUp = await startLoad({ targets, warmUp: 0, count: 500, atMostMs: 30_000, pace: { callers: 50 } });
  await warmUp.go();
  await Promise.all(system.workers.map((worker) => worker.stop()));
  const idleBytes = await residentBytes(api.pid);

  tell(`${callers} callers begin to wait`);
  const load = await startLoad({ targets, warmUp: 0, count: callers, atMostMs: 60_000, pace: { callers } });
  const answers = load.go();
  const giveUpAtMs = performance.now() + 60_000;
  while ((await system.waiting()) < callers && performance.now() < giveUpAtMs) await pause(100);
  const waited = await system.waiting();
  await pause(holdMs);
  const waitingBytes = await residentBytes(api.pid);
  await system.startWorker();
  const { results } = await answers;
  return {
    "waiting at once": waited,
    answered: results[0]?.answered ?? 0,
    failed: results[0]?.failed ?? 0,
    "idle MB": Math.round(idleBytes / 1_048_576),
    "waiting MB": Math.round(waitingBytes / 1_048_576),
    "KB per caller": Math.round((waitingBytes - idleBytes) / 102.4 / waited) / 10,
  };
}
