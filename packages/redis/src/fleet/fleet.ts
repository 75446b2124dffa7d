import type { Redis } from "ioredis";
import { z } from "zod";
import { defineScript } from "../define-script.ts";
import type { Keys } from "../key-names.ts";
import { redisTime } from "../redis-time.ts";
import { clockAheadSchema, type FleetProcess, processFactsSchema } from "./process-facts.ts";

const askToDrain = defineScript(new URL("../scripts/ask-to-drain.lua", import.meta.url), z.enum(["ok", "gone"]));

/** More than one Redis serves. The oldest heartbeats are left out. */
const maxProcesses = 2_000;

export type FleetOptions = {
  redis: Redis;
  keys: Pick<Keys, "process" | "processes" | "drainedLanes">;
};

/** The processes of an installation, for its operator. */
export function createFleet({ redis, keys }: FleetOptions) {
  /** Null for one that has ended, or that this release cannot read. One that is damaged must not hide the others. */
  async function read(name: string): Promise<FleetProcess | null> {
    const hash = await redis.hgetall(keys.process(name)).catch((): Record<string, string> => ({}));
    const facts = processFactsSchema.safeParse({
      ...hash,
      pid: Number(hash["pid"]),
      active: Number(hash["active"]),
      lanes: jsonOrNull(hash["lanes"]),
      deployments: jsonOrNull(hash["deployments"]),
    });
    if (!facts.success) return null;
    return {
      ...facts.data,
      name,
      sinceMs: Number(hash["since"]),
      seenAtMs: Number(hash["seenAt"]),
      clockAheadMs: clockAheadSchema.catch(0).parse(hash["clockAhead"]),
      isAskedToDrain: hash["drain"] !== undefined,
    };
  }

  return {
    /** The processes that are alive, by kind and name. */
    async list(): Promise<FleetProcess[]> {
      const names = await redis.zrange(keys.processes, "0", String(maxProcesses - 1), "REV");
      const found = await Promise.all(names.map(read));
      // After the clock was set back, the description of a process that has died lives until the clock has caught up. It says a later time than
      // it is; one that is alive writes the right time with its next heartbeat.
      const nowMs = await redisTime(redis);
      return found
        .filter((one) => one !== null)
        .filter(({ seenAtMs }) => seenAtMs <= nowMs)
        .toSorted((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name));
    },

    /** Asks a process to finish what it does and to end. It obeys within a heartbeat. */
    drain: (name: string): Promise<"ok" | "gone"> => askToDrain(redis, [keys.process(name)], []),

    /** The lanes that take no new generations, and since when, in Unix milliseconds by the clock of Redis. */
    async drainedLanes(): Promise<Map<string, number>> {
      const found = await redis.hgetall(keys.drainedLanes);
      return new Map(Object.entries(found).map(([lane, sinceMs]) => [lane, Number(sinceMs)]));
    },

    /** Has all processes refuse or hold new generations for a lane, within a heartbeat. Repeating it changes nothing. */
    async drainLane(lane: string): Promise<void> {
      await redis.hsetnx(keys.drainedLanes, lane, String(await redisTime(redis)));
    },

    /** Ends the drain of a lane. */
    async fillLane(lane: string): Promise<void> {
      await redis.hdel(keys.drainedLanes, lane);
    },
  };
}

export type Fleet = ReturnType<typeof createFleet>;

function jsonOrNull(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return null;
  }
}
