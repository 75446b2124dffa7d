import type { QueueWorker } from "@darkroom/generations";
import type { CloseList, Metrics } from "@darkroom/runtime";
import type { WorkerConfig } from "./config.ts";
import { startHealthServer } from "./health-server.ts";
import type { StoreWatch } from "./store-watch.ts";

export type OpenHealthOptions = {
  config: Pick<WorkerConfig, "WORKER_HOST" | "WORKER_PORT">;
  queue: Pick<QueueWorker, "findFault" | "laneWorkers">;
  watch: Pick<StoreWatch, "fault">;
  metrics: Metrics;
  closes: CloseList;
};

/** Opens the health port, where one is configured. Until `started` is called `/readyz` says that the worker is starting. */
export async function openHealth({ config, queue, watch, metrics, closes }: OpenHealthOptions) {
  let isWorking = false;
  const started = (): void => void (isWorking = true);
  if (config.WORKER_PORT === undefined) return { started };

  const health = await startHealthServer({
    host: config.WORKER_HOST,
    port: config.WORKER_PORT,
    metrics,
    async whyNotReady() {
      if (!isWorking) return ["The worker is starting."];
      const fault = (await queue.findFault()) ?? watch.fault();
      if (fault !== null) return [fault];
      return queue.laneWorkers
        .filter((worker) => worker.refusal() !== null)
        .map(({ lane }) => `Redis gives out no jobs of the lane ${lane}.`);
    },
    findFaults: async () =>
      (await Promise.all(queue.laneWorkers.map((worker) => worker.stuck()))).filter((fault) => fault !== null),
  });
  closes.add("the health port", () => health.close());
  return { started };
}
