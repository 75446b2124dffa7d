import { createTicker, type Logger } from "@darkroom/runtime";
import { redisTime } from "@darkroom/redis";
import type { Redis } from "ioredis";
import type { RedisKeys } from "../redis-keys.ts";
import type { createKnownKeys } from "./known-keys.ts";
import { readKeys } from "./read-keys.ts";

/** A process's copy of the clock of Redis: set by answers of Redis, and advanced by a monotonic clock in between. */
type RedisClock = {
  /** Sets the clock to the time that Redis has just answered, in Unix milliseconds. */
  set(timeMs: number): void;
  /** Unix milliseconds. It lags behind Redis by the latency of an answer at most. */
  nowMs(): number;
};

/** @param elapsedMs milliseconds since any moment, by a monotonic clock: a wrong or jumping system clock must not expire a key */
export function createRedisClock(elapsedMs: () => number): RedisClock {
  let startMs = 0;
  return {
    set: (timeMs) => void (startMs = timeMs - elapsedMs()),
    nowMs: () => startMs + elapsedMs(),
  };
}

export type FollowKeysOptions = {
  redis: Redis;
  names: RedisKeys;
  known: ReturnType<typeof createKnownKeys>;
  /** Set at every poll. Keys expire by this clock. */
  clock: RedisClock;
  log: Pick<Logger, "info" | "warn">;
  everyMs: number;
};

/**
 * The longest pause after failed polls. An operator who stops a key waits until the process has noticed it, and a poll is only two commands.
 */
const maxPauseMs = 5_000;

/**
 * Reads all keys, then polls for changes. Changes are numbered, so most polls read one number and the time. Resolves after the first
 * reading and rejects when that fails. Later failures are logged, and the known keys stay.
 */
export async function followKeys({ redis, names, known, clock, log, everyMs }: FollowKeysOptions) {
  let seen = 0;
  let away = false;
  /** A Redis that comes back may have lost its latest changes, or all. The number alone does not show that once there are new changes. */
  let readAll = true;
  const onReady = () => {
    readAll = true;
    ticker.wake();
  };

  /** An unreadable key is refused like an unknown one. Changes of all other keys are still followed. */
  const onUnreadable = (keyId: string, error: unknown) =>
    log.warn({ keyId, err: error }, "An API key cannot be read by this release; it is not in force here");

  async function look(): Promise<void> {
    const all = readAll;
    readAll = false;
    // Read before the keys, so that a change in between is read twice and not missed.
    const [timeMs, changes] = await Promise.all([redisTime(redis), redis.get(names.changes)]);
    clock.set(timeMs);
    const number = Number(changes ?? 0);
    if (all || number < seen) {
      const records = await readKeys(redis, names, await redis.zrange(names.index(), "0", "-1"), onUnreadable);
      known.replaceAll(records.filter((record) => record !== null));
    } else if (number > seen) {
      const ids = await redis.zrange(names.keys, `(${seen}`, "+inf", "BYSCORE");
      const records = await readKeys(redis, names, ids, onUnreadable);
      for (const [i, id] of ids.entries()) {
        const record = records[i];
        if (record) known.put(record);
        else known.drop(id);
      }
    }
    seen = number;
  }

  /** Logs the first of several polls that fail in a row. */
  async function lookAndTell(): Promise<void> {
    try {
      await look();
      if (away) log.info({}, "Changes of API keys are followed again");
      away = false;
    } catch (error) {
      readAll = true;
      if (!away) log.warn({ err: error }, "Changes of API keys cannot be read; the keys that are known stay in force");
      away = true;
      throw error;
    }
  }

  await look();
  /** One poll after the other: a poll reads every change that was made before it was requested. */
  let last = Promise.resolve();
  const poll = (): Promise<void> => {
    const polled = last.then(lookAndTell);
    last = polled.catch(() => {});
    return polled;
  };
  const ticker = createTicker({ everyMs, tick: poll, maxPauseMs: Math.max(everyMs, maxPauseMs), onError: () => {} });
  redis.on("ready", onReady);

  return {
    /** Reads what has changed, now. Resolves also when that fails. */
    refresh: (): Promise<void> => poll().catch(() => {}),

    async close(): Promise<void> {
      redis.off("ready", onReady);
      await ticker.close();
      await last;
    },
  };
}
