import { defineScript, infoField, type Keys, type OwnedTask, type Quarantine, type TaskLeases } from "@darkroom/redis";
import { randomBytes } from "node:crypto";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import type { Retention } from "../records/retention.ts";

export type AuditOptions = {
  redis: Redis;
  keys: Keys;
  lanes: Lanes;
  retention: Retention;
  quarantine: Pick<Quarantine, "setAside">;
  log: Logger;
  /** Between two steps, in milliseconds. */
  stepEveryMs: number;
  /** How many keys it reads per second, including keys of other users of the same Redis. */
  keysPerSecond: number;
  /** From the end of one pass through all records to the beginning of the next, in milliseconds. */
  pauseMs: number;
};

const script = defineScript(
  new URL("../scripts/audit.lua", import.meta.url),
  // Milliseconds until the next step, repairs, leftovers, faults.
  z.tuple([z.int(), z.array(z.string()), z.array(z.string()), z.array(z.string())]),
);

/** Who holds the task may change between two steps. A worker that has taken no step for so long has died, and another one continues. */
const heldMs = 5_000;

/**
 * Walks through all records in Redis, slowly and repeatedly, one worker at a time, and repairs what does not agree with them. A record that
 * is missing from a list is put on it, so that recovery handles it. Wrong sums of accounts and lanes are corrected. Jobs of generations
 * that have ended are removed.
 */
export function createAudit(options: AuditOptions) {
  const { redis, keys, lanes, retention, quarantine, log, stepEveryMs, keysPerSecond, pauseMs } = options;
  const worker = randomBytes(9).toString("base64url");
  const names = Math.max(Math.round((keysPerSecond * stepEveryMs) / 1_000), 1);
  let dueMs = 0;
  /** The run id of the Redis server of this connection; null until it was read. */
  let run: string | null = null;
  const forgetRun = () => (run = null);
  redis.on("ready", forgetRun);

  const readRun = async () => infoField(await redis.info("server"), "run_id") ?? "";

  /** Takes one step, if it is this worker's turn. Answers how long until the next step is due, in milliseconds. */
  async function step(): Promise<number> {
    run ??= await readRun();
    const args = [worker, heldMs, run, names, pauseMs, retention.recordsMs];
    const [waitMs, repairs, leftovers, faults] = await script(redis, [keys.root], args);
    if (repairs.length > 0)
      log.error({ repairs }, "Lists or sums did not say what the records say, and were corrected");
    for (let at = 0; at < faults.length; at += 2) {
      const [name = "", reason] = faults.slice(at, at + 2);
      // Each pass comes upon it again.
      await quarantine.setAside({ kind: "audit", id: name, error: new Error(reason), record: name });
    }
    for (let at = 0; at < leftovers.length; at += 2) await removeLeftover(leftovers[at] ?? "", leftovers[at + 1] ?? "");
    return waitMs;
  }

  /** Workers take jobs of ended generations from their lane. Only a job that is on no list stays. */
  async function removeLeftover(lane: string, id: string): Promise<void> {
    if ((await lanes.findMany(lane, [id]))[0] !== "broken") return;
    await lanes.remove(lane, id);
    log.warn({ generationId: id, lane }, "A job that no worker could find was left over, and is removed");
  }

  async function tick(): Promise<void> {
    if (performance.now() < dueMs) return;
    dueMs = performance.now() + (await step());
  }

  return {
    step,

    /** Takes the steps while this worker holds the task. */
    own: (leases: TaskLeases): OwnedTask =>
      leases.own({
        kind: "audit",
        parts: ["all"],
        everyMs: stepEveryMs,
        tick,
        onError: (error) => log.warn({ err: error }, "The records could not be audited"),
      }),

    /** Forgets the connection. Close the owned task before. */
    close: (): void => void redis.off("ready", forgetRun),
  };
}
