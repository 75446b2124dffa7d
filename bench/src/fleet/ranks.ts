import { newGenerationId } from "@darkroom/contracts";
import { createWorker } from "@darkroom/generations";
import { startRedis } from "@darkroom/testing";
import { Redis } from "ioredis";
import { z } from "zod";
import { darkroomKeys, darkroomLane, openSubmitter } from "../open-submitter.ts";
import type { Row, Scenario } from "../wait/scenario.ts";

const tenants = 10;
/** The rank at which the lane's next start raises the base of its priorities: see lane-priority.lua. */
const raiseAt = 1_048_576;
/** Starts that are measured before the raise, and after it. */
const starts = 1_000;
const atOnce = 100;

const hourMs = 3_600_000;
const retention = { recordsMs: hourMs, claimsMs: hourMs, tombstonesMs: hourMs };
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** What it costs to lower the priorities of a lane's jobs while it works. It does not depend on the number of workers: each start does a part. */
export const ranks: Scenario = {
  number: 5,
  title: "Priorities are lowered on a lane that is never empty, µs of Redis for each start of an attempt",
  async run({ quick, tell }) {
    const rows: Row[] = [];
    for (const waiting of quick ? [2_000] : [10_000, 50_000]) {
      tell(`${waiting} jobs wait`);
      rows.push(await measure(waiting));
    }
    return rows;
  },
};

async function measure(waiting: number): Promise<Row> {
  const server = await startRedis({ persist: false });
  const redis = new Redis(server.url);
  try {
    await redis.config("SET", "slowlog-log-slower-than", "50", "slowlog-max-len", "100000");
    const { attempts, lanes } = createWorker(
      { redis, keys: darkroomKeys },
      { retention, dropObjects: async () => {}, log },
    );
    await fill(redis, waiting);
    const line = `${darkroomKeys.lanes}:${darkroomLane}:prioritized`;
    const startOne = async () => {
      const [id = ""] = await redis.zpopmin(line);
      await attempts.start(id, darkroomLane);
    };
    const isMoving = async () => (await redis.hexists(darkroomKeys.ranks(darkroomLane), ":former")) === 1;

    const before = await costOf(redis, async () => {
      for (let i = 0; i < starts; i++) await startOne();
      return starts;
    });
    while (!(await isMoving())) await startOne();
    const moving = await costOf(redis, async () => {
      let count = 0;
      for (; await isMoving(); count++) await startOne();
      return count;
    });
    const after = await costOf(redis, async () => {
      const count = Math.min(starts, await redis.zcard(line));
      for (let i = 0; i < count; i++) await startOne();
      return count;
    });
    await lanes.close();
    return {
      "jobs that wait": waiting,
      "starts until all are moved": moving.count + 1,
      "µs before": before.micros,
      "µs while jobs are moved": moving.micros,
      "µs after": after.micros,
      "longest start while jobs are moved, ms": moving.longestMs,
    };
  } finally {
    redis.disconnect();
    await server.stop();
  }
}

/** Has so many generations of ten tenants wait on a lane that has almost come to the rank at which the base is raised. */
async function fill(redis: Redis, waiting: number): Promise<void> {
  const submit = openSubmitter(redis);
  const submitOne = (n: number) =>
    submit(newGenerationId(Date.now()), `tenant-${n % tenants}`, { prompt: `A lighthouse at dusk, number ${n}` });
  await submitOne(0);
  const rank = raiseAt - starts / tenants - 1;
  const marks = Array.from({ length: tenants }, (_, n) => [`tenant-${n}`, rank]);
  await redis.hset(darkroomKeys.ranks(darkroomLane), "", rank, ...marks.flat());
  for (let n = 1; n < waiting; n += atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, waiting - n) }, (_, i) => submitOne(n + i)));
  }
}

/** Entries of SLOWLOG GET: a number, the time, microseconds, the command with its arguments, and who sent it. */
const slowLogSchema = z.array(z.tuple([z.int(), z.int(), z.int(), z.array(z.string())], z.unknown()));

/** Redis' own time for each start, and the longest. `work` answers how many starts it made. */
async function costOf(redis: Redis, work: () => Promise<number>) {
  await redis.call("SLOWLOG", "RESET");
  const scripts = async () =>
    Number(/^cmdstat_evalsha:calls=\d+,usec=(\d+)/m.exec(await redis.info("commandstats"))?.[1]);
  const before = await scripts();
  const count = await work();
  const micros = Math.round(((await scripts()) - before) / count);
  const slow = slowLogSchema.parse(await redis.slowlog("GET", 100_000));
  const durations = slow.filter(([, , , [name = ""]]) => /^evalsha$/i.test(name)).map(([, , duration]) => duration);
  return { count, micros, longestMs: Math.max(...durations, 0) / 1_000 };
}
