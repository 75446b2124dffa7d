import type { Redis } from "ioredis";
import type { Keys } from "@darkroom/redis";
import { laneRate } from "./lane-rate.ts";
import type { Lanes } from "./lanes.ts";

export type QueuePosition = {
  /** How many jobs the lane gives out before this one, plus one, as the lane stands now. */
  position: number;
  /** When it will begin at the rate of the last minute, in Unix milliseconds by the clock of Redis; null where no attempt began in it. */
  estimatedStartAtMs: number | null;
};

/**
 * The position of a queued generation. Null when its lane does not hold it in line: it is being given out, or waits for the end of a pause.
 * The cost does not depend on how many wait, because the line is a sorted set and Redis knows the rank of a member.
 */
export async function queuePosition(
  { redis, keys, lanes }: { redis: Redis; keys: Keys; lanes: Lanes },
  { id, lane }: { id: string; lane: string },
): Promise<QueuePosition | null> {
  const [position, { nowMs, startsPerSecond }, closedMs] = await Promise.all([
    lanes.position(lane, id),
    laneRate(redis, keys, lane),
    lanes.closedMs(lane),
  ]);
  if (position === null) return null;
  const estimatedStartAtMs =
    startsPerSecond === null ? null : nowMs + closedMs + Math.round((position / startsPerSecond) * 1_000);
  return { position, estimatedStartAtMs };
}
