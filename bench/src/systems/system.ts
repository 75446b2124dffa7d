import type { Redis } from "ioredis";
import type { Target } from "../load/load-plan.ts";
import type { MeasuredProcess } from "../start-process.ts";

/** Something that answers requests for images: Darkroom, or the usual pattern. Each has a Redis server of its own. */
export type System = {
  apis: readonly MeasuredProcess[];
  workers: readonly MeasuredProcess[];
  redis: Redis;
  redisPid: number;
  redisUrl: string;
  /** One for each api process. */
  targets: Target[];
  /** For a system that was started without. */
  startWorker(options?: WorkerOptions): Promise<MeasuredProcess>;
  /** Jobs that no worker has begun. */
  waiting(): Promise<number>;
  close(): Promise<void>;
};

/** What one worker has of an environment that others have not. */
export type WorkerOptions = { environment?: Record<string, string> };

/**
 * Where pictures go. `none`: nowhere, the usual pattern only answers. `memory`: they stay in the worker's memory, which is enough
 * where no link is opened. `tmpfs`: files, in memory too, but written as to a disk. `disk`: files in the temporary folder.
 */
export type StoreKind = "none" | "memory" | "tmpfs" | "disk";

export type SystemOptions = {
  apis: number;
  /** 0: `startWorker` is called later. */
  workers: number;
  store: StoreKind;
  /** A folder for CPU profiles. */
  profileTo: string | undefined;
};
