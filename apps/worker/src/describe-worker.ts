import { hostname } from "node:os";
import type { QueueWorker } from "@darkroom/generations";
import type { ProcessFacts } from "@darkroom/redis";
import type { ProcessLife } from "@darkroom/runtime";
import manifest from "../package.json" with { type: "json" };
import type { ServiceTimes } from "./service-times.ts";

export type DescribeWorkerOptions = {
  /** What there is to tell of deployments, where there is a file. */
  deployments?: (() => unknown) | undefined;
  queue: Pick<QueueWorker, "laneWorkers">;
  life: Pick<ProcessLife, "isStopping">;
  serviceTimes: Pick<ServiceTimes, "meanMs">;
};

/** Returns the function that tells the operator what this worker does now. */
export const createDescribeWorker =
  ({ queue, life, serviceTimes, deployments }: DescribeWorkerOptions) =>
  (): ProcessFacts => {
    const lanes = queue.laneWorkers.map(({ lane, concurrency, active, isPaused }) => ({
      lane,
      concurrency,
      active: active().length,
      paused: isPaused(),
      serviceMs: serviceTimes.meanMs(lane),
    }));
    return {
      kind: "worker",
      host: hostname(),
      pid: process.pid,
      version: manifest.version,
      state: life.isStopping ? "draining" : "running",
      active: lanes.reduce((sum, { active }) => sum + active, 0),
      lanes,
      deployments: deployments?.(),
    };
  };
