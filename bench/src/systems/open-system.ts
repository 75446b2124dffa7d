import { existsSync, rmSync } from "node:fs";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "@darkroom/testing";
import { Redis } from "ioredis";
import type { Target } from "../load/load-plan.ts";
import { type MeasuredProcess, startProcess } from "../start-process.ts";
import type { System, SystemOptions, WorkerOptions } from "./system.ts";

export type SystemParts = {
  /** What its answers are counted under. */
  name: string;
  /** The absolute path of each process' program, and the variable that tells it its port. */
  api: { program: string; portVariable: string };
  worker: { program: string; portVariable: string } | null;
  environment: Record<string, string>;
  headers: Record<string, string>;
  body: string;
  waiting: (redis: Redis) => Promise<number>;
};

/** A folder in memory where there is one. */
const memoryFolder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Starts Redis, api processes and workers. What was started before one of them fails is stopped again. */
export async function openSystem(parts: SystemParts, options: SystemOptions): Promise<System> {
  await using opened = new AsyncDisposableStack();
  let stack = opened;
  const server = await startRedis();
  opened.defer(() => server.stop());
  const redis = new Redis(server.url);
  opened.defer(() => redis.disconnect());
  const images = await mkdtemp(join(options.store === "disk" ? tmpdir() : memoryFolder, "darkroom-bench-"));
  const removeAtExit = () => rmSync(images, { recursive: true, force: true });
  process.once("exit", removeAtExit);
  opened.defer(() => {
    process.off("exit", removeAtExit);
    removeAtExit();
  });
  if (options.profileTo !== undefined) await mkdir(options.profileTo, { recursive: true });

  const environment = {
    REDIS_URL: server.url,
    STORAGE: options.store === "memory" ? "memory" : "filesystem",
    STORAGE_DIRECTORY: images,
    LINK_SIGNING_SECRET: "a secret for measurements, long enough to be one",
    // A line for each request would be the same cost for both, and is not what is measured.
    LOG_LEVEL: "warn",
    ...parts.environment,
  };
  const start = async (
    role: "api" | "worker",
    { program, portVariable }: SystemParts["api"],
    more: WorkerOptions = {},
  ) => {
    const profileTo = options.profileTo && join(options.profileTo, `${parts.name}-${role}`);
    const started = await startProcess({
      program,
      environment: { ...environment, ...more.environment },
      portVariable,
      profileTo,
    });
    stack.defer(() => started.stop());
    return started;
  };
  const apis: MeasuredProcess[] = [];
  for (let i = 0; i < options.apis; i++) apis.push(await start("api", parts.api));
  const workers: MeasuredProcess[] = [];
  const startWorker = async (more: WorkerOptions = {}) => {
    if (parts.worker === null) throw new Error(`${parts.name} has no worker`);
    const worker = await start("worker", parts.worker, more);
    workers.push(worker);
    return worker;
  };
  for (let i = 0; i < options.workers; i++) await startWorker();

  const { name, body } = parts;
  const headers = { "content-type": "application/json", ...parts.headers };
  stack = opened.move();
  return {
    apis,
    workers,
    redis,
    redisUrl: server.url,
    redisPid: Number(/^process_id:(\d+)/m.exec(await redis.info("server"))?.[1]),
    targets: apis.map(({ origin }): Target => ({ name, origin, headers, body })),
    startWorker,
    waiting: () => parts.waiting(redis),
    close: () => stack.disposeAsync(),
  };
}
