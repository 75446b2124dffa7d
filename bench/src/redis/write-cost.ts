import { randomBytes } from "node:crypto";
import { connectWorker, untilConnected } from "@darkroom/redis";
import { startRedis } from "@darkroom/testing";
import { Redis } from "ioredis";
import { median } from "../median.ts";
import type { Row, Scenario } from "../wait/scenario.ts";

/** As many as an api process of `pnpm bench wait` has. */
const callers = 200;

/** The size of a script's arguments. */
const value = randomBytes(300).toString("hex");

const connections: Record<string, (url: string) => Redis> = {
  ioredis: (url) => new Redis(url, { maxRetriesPerRequest: null }),
  "ioredis, enableAutoPipelining": (url) => new Redis(url, { maxRetriesPerRequest: null, enableAutoPipelining: true }),
  "with gathered writes": (url) => connectWorker(url, () => {}),
};

export const writeCost: Scenario = {
  number: 1,
  title: `What a command costs its process, ${callers} callers at a time`,
  async run({ quick, tell }) {
    const server = await startRedis({ persist: false });
    const taken = new Map<string, { micros: number; perSecond: number }[]>();
    try {
      for (let round = 0; round < (quick ? 1 : 7); round++) {
        for (const [name, open] of Object.entries(connections)) {
          tell(`${name}, round ${round + 1}`);
          const redis = open(server.url);
          await untilConnected(redis, 5_000);
          // Compiled code and a warm connection are what is measured.
          await sendAll(redis, quick ? 1_000 : 20_000);
          taken.set(name, [...(taken.get(name) ?? []), await measure(redis, quick ? 5_000 : 100_000)]);
          redis.disconnect();
        }
      }
    } finally {
      await server.stop();
    }
    const micros = (name: string) => median((taken.get(name) ?? []).map((each) => each.micros));
    return [...taken].map(([connection, rounds]): Row => ({
      connection,
      "CPU µs/command": round(micros(connection)),
      ratio: round(micros(connection) / micros("ioredis")),
      "commands/s": Math.round(median(rounds.map(({ perSecond }) => perSecond))),
    }));
  },
};

async function measure(redis: Redis, commands: number) {
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  await sendAll(redis, commands);
  const { user, system } = process.cpuUsage(cpu);
  return { micros: (user + system) / commands, perSecond: commands / ((performance.now() - beganMs) / 1_000) };
}

/** Sends commands as callers do who each wait for an answer and then send the next one. */
async function sendAll(redis: Redis, commands: number): Promise<void> {
  let left = commands;
  const caller = async () => {
    while (left-- > 0) await redis.set("bench", value);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

const round = (n: number): number => Math.round(n * 100) / 100;
