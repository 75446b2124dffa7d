import { monitorRedis } from "@darkroom/testing";
import type { Redis } from "ioredis";

/** What a Redis server had done at a moment, since it started. */
export type RedisReading = {
  /** CPU time of the thread that runs commands, in microseconds. */
  cpuMicros: number;
  /** Commands, those that scripts call included. */
  commands: number;
  sentBytes: number;
};

export async function readRedis(redis: Redis): Promise<RedisReading> {
  const info = await redis.info("everything");
  const field = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1]);
  return {
    cpuMicros: Math.round((field("used_cpu_user_main_thread") + field("used_cpu_sys_main_thread")) * 1_000_000),
    commands: [...info.matchAll(/^cmdstat_\S+:calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0),
    sentBytes: field("total_net_output_bytes"),
  };
}

/** Counts the commands that clients send, by name: each is a round trip, and what a script calls is not. */
export async function countRoundTrips({ options: { host, port } }: Redis) {
  const counts = new Map<string, number>();
  const monitor = await monitorRedis(`redis://${host}:${port}`, ({ words: [name = ""], byScript }) => {
    if (byScript) return;
    const command = name.toLowerCase();
    counts.set(command, (counts.get(command) ?? 0) + 1);
  });
  return {
    counts: (): ReadonlyMap<string, number> => new Map(counts),
    stop: monitor.close,
  };
}
