import { setTimeout as pause } from "node:timers/promises";
import { costs, planCapacity } from "@darkroom/capacity";
import { request } from "undici";
import type { System } from "../systems/system.ts";
import { openDarkroom } from "../systems/systems.ts";
import type { Row, Scenario } from "../wait/scenario.ts";
import { measureStep, rowOf } from "./measure-step.ts";
import { readSystem, untilCompressed } from "./read-system.ts";
import { concurrency, delayMs, loadOf } from "./step-load.ts";

/** One after the other on the same stack, which gets the workers that the plan has for each. The last one is more than they can draw. */
const steps = [{ perSecond: 5 }, { perSecond: 10 }, { perSecond: 18, isTooMuch: true }];
/** Together fewer generations than the ledger moves to the store at a time, so that their entries are all there at the end. */
const stepSeconds = 50;
const quickStepSeconds = 15;
const limitsMs = 65_000;
/** Generations before the first step, after which everything has been loaded and connected once. */
const warmUp = { perSecond: 5, seconds: 10 };

/** A real stack of Redis, an api and workers under a load that grows by steps, beside what `darkroom plan` computes for each. */
export const steppedStack: Scenario = {
  number: 1,
  title: `A stack under ${steps.map(({ perSecond }) => perSecond).join(", ")} generations a second of ${delayMs / 1_000} s each, and what is planned`,
  async run({ quick, profileTo, tell }) {
    const environment = {
      SANDBOX_DELAY_MS: String(delayMs),
      // The two lanes of one provider, as a worker with its key has them.
      WORKER_LANES: `openai.interactive=${concurrency},openai.batch=${concurrency}`,
    };
    const system = await openDarkroom({ apis: 1, workers: 0, store: "memory", profileTo }, { environment });
    try {
      const rows: Row[] = [];
      let generations = 0;
      let dataBytesBefore: number | null = null;
      for (const { perSecond, isTooMuch = false } of steps) {
        const planned = planCapacity(loadOf(perSecond)).workers.count;
        if (!isTooMuch) while (system.workers.length < planned) await startReadyWorker(system);
        if (dataBytesBefore === null) {
          await measureStep(system, warmUp);
          dataBytesBefore = (await readSystem(system)).dataBytes;
        }
        tell(`${perSecond} generations a second, ${system.workers.length} of ${planned} workers`);
        const measured = await measureStep(system, { perSecond, seconds: quick ? quickStepSeconds : stepSeconds });
        generations += measured.generations;
        rows.push(...measured.rows);
      }
      // What the limits of a key count for a minute is no part of what a generation keeps.
      if (!quick) await pause(limitsMs);
      await untilCompressed(system);
      const { dataBytes } = await readSystem(system);
      const bytes = costs.redis.bytesPerEndedGeneration + costs.redis.bytesPerLedgerEntry;
      const measuredBytes = (dataBytes - (dataBytesBefore ?? 0)) / generations;
      rows.push(rowOf("all", system.workers.length)("Redis memory, bytes a generation", bytes, measuredBytes));
      return rows;
    } finally {
      await system.close();
    }
  },
};

async function startReadyWorker(system: System): Promise<void> {
  const { origin } = await system.startWorker();
  for (;;) {
    const { statusCode, body } = await request(`${origin}/readyz`);
    await body.dump();
    if (statusCode === 200) return;
    await pause(100);
  }
}
