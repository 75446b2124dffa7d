import { setTimeout as pause } from "node:timers/promises";
import { residentBytes } from "../process-facts.ts";
import { openDarkroom } from "../systems/systems.ts";
import { byWorkers } from "./by-workers.ts";
import type { Scenario } from "../wait/scenario.ts";

/** What a fleet holds while there is nothing to do. */
export const atRest: Scenario = {
  number: 1,
  title: "A fleet with nothing to do",
  run: (settings) =>
    byWorkers(settings, async (workers) => {
      const system = await openDarkroom({ apis: 0, workers, store: "memory", profileTo: settings.profileTo });
      try {
        for (const { origin } of system.workers) await untilReady(origin);
        // One connection is that of this process.
        const connections = Number(/^connected_clients:(\d+)/m.exec(await system.redis.info("clients"))?.[1]) - 1;
        const resident = await Promise.all(system.workers.map(({ pid }) => residentBytes(pid)));
        return {
          "connections to Redis": connections,
          "memory of one worker, MiB": Math.round(Math.max(...resident) / 1_048_576),
        };
      } finally {
        await system.close();
      }
    }),
};

/** A worker is ready once it has all its connections. */
async function untilReady(origin: string): Promise<void> {
  while (!(await fetch(`${origin}/readyz`)).ok) await pause(100);
}
