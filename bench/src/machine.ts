import { readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem, type } from "node:os";
import { startRedis } from "@darkroom/testing";
import { Redis } from "ioredis";

export type Machine = { cores: number; cpu: string; memoryGb: number; system: string; node: string; redis: string };

/** What the numbers were measured on. */
export async function describeMachine(): Promise<Machine> {
  const redis = await redisVersion();
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: type(),
    node: process.version,
    redis,
  };
}

async function redisVersion(): Promise<string> {
  const server = await startRedis({ persist: false });
  const redis = new Redis(server.url);
  try {
    return /^redis_version:(\S+)/m.exec(await redis.info("server"))?.[1] ?? "unknown";
  } finally {
    redis.disconnect();
    await server.stop();
  }
}

/** How many programs wanted a core over the last minute, on average: over the number of cores, the numbers are of a busy machine. */
export const loadAverage = (): number => Number(readFileSync("/proc/loadavg", "utf8").split(" ", 1)[0]);
