import { defineScript, type Keys } from "@darkroom/redis";
import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Lanes } from "@darkroom/queue";
import { type Logger, createTicker } from "@darkroom/runtime";
import type { Retention } from "../records/retention.ts";

export type AuditOptions = {
  redis: Redis;
  keys: Keys;
  lanes: Lanes;
  retention: Retention;
  log: Logger;
  /** Between two steps, in milliseconds. */
  stepEveryMs: number;
  /** How many names of keys are looked at per second, those of other uses of the same Redis included. */
  keysPerSecond: number;
  /** From the end of one pass through all records to the beginning of the next, in milliseconds. */
  pauseMs: number;
};

const script = defineScript(
  new URL("../scripts/audit.lua", import.meta.url),
  // Milliseconds until the next step, repairs, leftovers, faults.
  z.tuple([z.int(), z.array(z.string()), z.array(z.string()), z.array(z.string())]),
);

/** A worker that has taken no step for so long has died, and another goes on where it was. */
const heldMs = 5_000;

/**
 * Goes through all records of Redis, slowly and again and again, one worker at a time: the truth is found from the records' side,
 * whatever was lost beside them. A record that is missing from a list is put on it, so that recovery sees to it; the sums of accounts
 * and lanes that do not agree with the records are corrected; a job that is left over from a generation that has ended is removed.
 */
export function createAudit({ redis, keys, lanes, retention, log, stepEveryMs, keysPerSecond, pauseMs }: AuditOptions) {
  const worker = randomBytes(9).toString("base64url");
  const names = Math.max(Math.round((keysPerSecond * stepEveryMs) / 1_000), 1);
  let dueMs = 0;
  /** Of the server that this connection is to: null until it was asked. */
  let run: string | null = null;
  const forgetRun = () => (run = null);
  redis.on("ready", forgetRun);

  const readRun = async () => /^run_id:(\w+)/m.exec(await redis.info("server"))?.[1] ?? "";

  /** Takes one step, where it is this worker's turn. Answers how long until the next is due, in milliseconds. */
  async function step(): Promise<number> {
    run ??= await readRun();
    const args = [worker, heldMs, run, names, pauseMs, retention.recordsMs];
    const [waitMs, repairs, leftovers, faults] = await script(redis, [keys.root], args);
    if (repairs.length > 0)
      log.error({ repairs }, "Lists or sums did not say what the records say, and were corrected");
    if (faults.length > 0) log.error({ faults }, "Records cannot be audited");
    for (let at = 0; at < leftovers.length; at += 2) await removeLeftover(leftovers[at] ?? "", leftovers[at + 1] ?? "");
    return waitMs;
  }

  /** A job of a generation that has ended is taken from its lane by a worker, unless it is on no list. */
  async function removeLeftover(lane: string, id: string): Promise<void> {
    if ((await lanes.findMany(lane, [id]))[0] !== "broken") return;
    await lanes.remove(lane, id);
    log.warn({ generationId: id, lane }, "A job that no worker could find was left over, and is removed");
  }

  async function tick(): Promise<void> {
    if (performance.now() < dueMs) return;
    dueMs = performance.now() + (await step());
  }

  const onError = (error: unknown) => log.warn({ err: error }, "The records could not be audited");
  const ticker = createTicker({ everyMs: stepEveryMs, tick, onError });

  return {
    step,
    async close(): Promise<void> {
      redis.off("ready", forgetRun);
      await ticker.close();
    },
  };
}
