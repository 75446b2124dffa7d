import type { MeasuredProcess } from "../start-process.ts";
import { openDarkroom } from "../systems/systems.ts";
import type { System } from "../systems/system.ts";

/** Jobs at a time on each lane: as in `wait`. */
const concurrency = 100;

export type BatchSystem = System & {
  api: MeasuredProcess;
  /** What callers wait for and what batches wait for has a process each, so that the system's scheduler gives callers their turn. */
  callers: MeasuredProcess;
  batches: MeasuredProcess;
};

/** Darkroom with one api, a worker for callers and a worker for batches, and a folder in memory for its objects. */
export async function openBatchSystem(profileTo: string | undefined): Promise<BatchSystem> {
  const system = await openDarkroom({ apis: 1, workers: 0, store: "tmpfs", profileTo });
  try {
    const [api] = system.apis;
    if (api === undefined) throw new Error("There is no api process");
    const callers = await system.startWorker({
      environment: { WORKER_LANES: `openai.interactive=${concurrency}` },
    });
    const batches = await system.startWorker({
      environment: { WORKER_LANES: `openai.batch=${concurrency}` },
    });
    return { ...system, api, callers, batches };
  } catch (error) {
    await system.close();
    throw error;
  }
}
