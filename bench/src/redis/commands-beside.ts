import { setTimeout as pause } from "node:timers/promises";
import { connectBatchWorker, connectProducer, connectWorker, untilConnected } from "@darkroom/redis";
import { startRedis } from "@darkroom/testing";
import type { Redis } from "ioredis";
import { median } from "../median.ts";
import type { Row, Scenario } from "../wait/scenario.ts";

/** As many jobs as the worker of batches has at a time. */
const jobs = 100;

/** About a tenth of a millisecond, which is what a script of the queue takes. */
const script = "for i = 1, 60 do redis.call('SET', KEYS[1], i) end return 1";

/** Between two commands of the caller, in milliseconds. */
const everyMs = 5;

const connections: Record<string, ((url: string) => Redis) | undefined> = {
  none: undefined,
  ioredis: (url) => connectWorker(url, () => {}),
  "with few commands in flight": (url) => connectBatchWorker(url, () => {}),
};

export const commandsBeside: Scenario = {
  number: 2,
  title: `A caller's command beside ${jobs} jobs of batches at a time`,
  async run({ quick, tell }) {
    const server = await startRedis({ persist: false });
    const taken = new Map<string, Measured[]>();
    try {
      const caller = connectProducer(server.url, () => {});
      await untilConnected(caller, 5_000);
      for (let round = 0; round < (quick ? 1 : 5); round++) {
        for (const [name, open] of Object.entries(connections)) {
          tell(`${name}, round ${round + 1}`);
          taken.set(name, [...(taken.get(name) ?? []), await measure(caller, open?.(server.url), quick ? 300 : 5_000)]);
        }
      }
      caller.disconnect();
    } finally {
      await server.stop();
    }
    return [...taken].map(([connection, rounds]): Row => ({
      "connection of batches": connection,
      "p50 ms": middle(rounds, "p50Ms"),
      "p99 ms": middle(rounds, "p99Ms"),
      "scripts/s of batches": middle(rounds, "scriptsPerSecond"),
    }));
  },
};

type Measured = { p50Ms: number; p99Ms: number; scriptsPerSecond: number };

async function measure(caller: Redis, batches: Redis | undefined, forMs: number): Promise<Measured> {
  if (batches !== undefined) await untilConnected(batches, 5_000);
  const over = { now: false };
  let scripts = 0;
  const job = async (redis: Redis) => {
    while (!over.now) {
      await redis.eval(script, 1, "bench");
      scripts++;
    }
  };
  const working = batches === undefined ? null : Promise.all(Array.from({ length: jobs }, () => job(batches)));
  const waitsMs: number[] = [];
  const beganMs = performance.now();
  while (performance.now() - beganMs < forMs) {
    const sentMs = performance.now();
    await caller.eval(script, 1, "bench:caller");
    waitsMs.push(performance.now() - sentMs);
    await pause(everyMs);
  }
  const seconds = (performance.now() - beganMs) / 1_000;
  over.now = true;
  await working;
  batches?.disconnect();
  const sorted = waitsMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), scriptsPerSecond: scripts / seconds };
}

const middle = (rounds: readonly Measured[], field: keyof Measured): number =>
  Math.round(median(rounds.map((each) => each[field])) * 100) / 100;
