import { randomBytes } from "node:crypto";
import { createTicker, type Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import pTimeout from "p-timeout";
import { z } from "zod";
import { defineScript } from "../define-script.ts";
import type { Keys } from "../key-names.ts";
import type { ProcessFacts } from "./process-facts.ts";

/** One command in five seconds is 0.2 a second for a process. So an operator's command reaches a process within five seconds. */
const defaultEveryMs = 5_000;
/** Three heartbeats may fail before a process counts as dead. */
const missedAfterBeats = 4;
/** How long a process that stops waits for Redis to hear of it. Otherwise it counts as dead a few seconds later. */
const leaveWithinMs = 1_000;

const beat = defineScript(
  new URL("../scripts/beat-process.lua", import.meta.url),
  z.tuple([z.enum(["stay", "drain"]), z.coerce.number().int()], z.string()),
);
const leave = defineScript(new URL("../scripts/leave-fleet.lua", import.meta.url), z.literal("ok"));

/**
 * From here on the difference of two clocks is told. Machines that ask a time server differ by milliseconds, and S3 refuses a request whose time
 * is wrong by 15 minutes.
 */
const toldFromMs = 30_000;

export type JoinFleetOptions = {
  redis: Redis;
  keys: Pick<Keys, "process" | "processes" | "drainedLanes" | "laneServices">;
  /** Names the process. No two processes may share it. */
  name: string;
  /** What the process says of itself now. */
  facts: () => ProcessFacts;
  /** Called once, when the operator has asked the process to stop. */
  onDrain: () => void;
  log: Pick<Logger, "info" | "warn">;
  /** Between two heartbeats, in milliseconds. */
  everyMs?: number;
  /** The clock of this machine, in Unix milliseconds. */
  now?: () => number;
};

/**
 * Shows this process to the operator, by a heartbeat in Redis, and obeys the operator: one command asks which lanes are drained and whether
 * this process is to stop. The same command tells how far the clock of this machine is off, which is logged. Of the lanes of a worker it also
 * notes the slots and the service time, which `readLaneServices` knows when the worker has stopped. Resolves after the first heartbeat, also
 * when it failed: then the process is shown when Redis is back.
 */
export async function joinFleet(options: JoinFleetOptions) {
  const { redis, keys, name, facts, onDrain, log, everyMs = defaultEveryMs, now = Date.now } = options;
  const run = randomBytes(9).toString("base64url");
  const own = [keys.process(name), keys.processes];
  let drainedLanes: ReadonlySet<string> = new Set();
  let isAskedToDrain = false;
  let clockAheadMs = 0;
  /** What Redis has been told of each lane. What has not changed costs no write. */
  let toldOfLanes: ReadonlyMap<string, string> = new Map();

  async function tick(): Promise<void> {
    const { lanes, deployments, ...told } = facts();
    const json = {
      lanes: JSON.stringify(lanes),
      ...(deployments !== undefined && { deployments: JSON.stringify(deployments) }),
    };
    const fields = Object.entries({ ...told, clockAhead: clockAheadMs, ...json }).flat();
    const slots = lanes.map(({ lane, concurrency, serviceMs }) => [lane, concurrency, serviceMs ?? "-"] as const);
    const tellOfLanes = new Map(slots.map((one) => [one[0], one.join(" ")]));
    const news = slots.filter(([lane]) => toldOfLanes.get(lane) !== tellOfLanes.get(lane));
    const args = [name, run, everyMs * missedAfterBeats, news.length, ...news.flat(), ...fields];
    const sentAtMs = now();
    const [asked, redisMs, ...drained] = await beat(redis, [...own, keys.drainedLanes, keys.laneServices], args);
    compareClocks(redisMs, { from: sentAtMs, to: now() });
    toldOfLanes = tellOfLanes;
    drainedLanes = new Set(drained);
    if (asked !== "drain" || isAskedToDrain) return;
    isAskedToDrain = true;
    log.info({ process: name }, "The operator has asked this process to stop");
    onDrain();
  }

  /** Redis read its clock at some time between the two of ours. What may be due to the way of the command is no difference of the clocks. */
  function compareClocks(redisMs: number, { from, to }: { from: number; to: number }): void {
    const wasTold = Math.abs(clockAheadMs) >= toldFromMs;
    clockAheadMs = redisMs < from ? from - redisMs : redisMs > to ? to - redisMs : 0;
    const isTold = Math.abs(clockAheadMs) >= toldFromMs;
    if (isTold === wasTold) return;
    const fields = { process: name, clockAheadMs };
    if (!isTold) return log.info(fields, "The clock of this machine agrees with that of Redis again");
    log.warn(
      fields,
      `The clock of this machine is ${Math.round(Math.abs(clockAheadMs) / 1_000)} s ${clockAheadMs > 0 ? "ahead of" : "behind"} that of Redis. ` +
        "Have both machines ask a time server. Generations are timed by the clock of Redis; links and requests to S3 are signed by this one.",
    );
  }

  const ticker = createTicker({
    everyMs,
    tick,
    maxPauseMs: everyMs,
    onError: (error) => log.warn({ err: error }, "The heartbeat of this process could not be written"),
  });
  const onReady = () => {
    // It may be another Redis, or one that has lost its data.
    toldOfLanes = new Map();
    ticker.wake();
  };
  redis.on("ready", onReady);
  await pTimeout(tick(), { milliseconds: leaveWithinMs, fallback: () => {} }).catch(() => {});

  return {
    /** Whether the operator drains a lane, so that no new generation may be put on it. As of the latest heartbeat. */
    isDrained: (lane: string): boolean => drainedLanes.has(lane),

    /** By how many milliseconds the clock of this machine is ahead of that of Redis, as of the latest heartbeat; negative where it is behind. */
    clockAheadMs: (): number => clockAheadMs,

    /** Writes a heartbeat at once: for a change that the operator waits for. */
    beat: (): void => ticker.wake(),

    /** Ends the heartbeats, and takes the process off the list. */
    async close(): Promise<void> {
      redis.off("ready", onReady);
      await ticker.close();
      await pTimeout(leave(redis, own, [name, run]), { milliseconds: leaveWithinMs }).catch(() => {});
    },
  };
}

export type FleetMember = Awaited<ReturnType<typeof joinFleet>>;
