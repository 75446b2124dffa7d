import type { Redis } from "ioredis";
import type { Keys } from "@darkroom/redis";
import type { LaneWorker } from "./lane-worker.ts";
import { createTicker } from "@darkroom/runtime";

export type CancelListenerOptions = {
  redis: Redis;
  /** Subscribes to channels. The caller closes it. */
  subscriber: Redis;
  keys: Keys;
  workers: readonly Pick<LaneWorker, "active" | "cancel">[];
  /** The first pause before the record of a run is read in case a message was lost, in milliseconds. Each further pause is twice as long. */
  reconcileEveryMs?: number;
};

/**
 * The longest pause between two looks at the record of one run. Redis delivers every message of a connection that lives, and all records
 * are read when the connection was lost.
 */
const longestPauseMs = 60_000;

/** Aborts generations that run in this process and were canceled in another: at once by a message, or later by a look at the record. */
export async function createCancelListener(options: CancelListenerOptions) {
  const { redis, subscriber, keys, workers, reconcileEveryMs = 5_000 } = options;
  /** When to look at the record of each run, by `performance.now()`, and the pause after that, in milliseconds. */
  let looks = new Map<string, { atMs: number; pauseMs: number }>();
  /** Set where messages may have been lost. */
  let looksAtAll = false;

  async function reconcile(): Promise<void> {
    if (redis.status !== "ready") return;
    const every = looksAtAll;
    looksAtAll = false;
    const nowMs = performance.now();
    const running = workers.flatMap((worker) => worker.active().map((id) => ({ id, worker })));
    const next = { atMs: nowMs + reconcileEveryMs, pauseMs: reconcileEveryMs };
    // Forgets those that run no more.
    looks = new Map(running.map(({ id }) => [id, looks.get(id) ?? { ...next }]));
    for (const { id, worker } of running) {
      const look = looks.get(id);
      if (look === undefined || (!every && look.atMs > nowMs + reconcileEveryMs / 10)) continue;
      look.pauseMs = Math.min(look.pauseMs * 2, Math.max(longestPauseMs, reconcileEveryMs));
      look.atMs = nowMs + look.pauseMs;
      try {
        if ((await redis.hget(keys.record(id), "status")) === "canceled") worker.cancel(id);
      } catch {
        // The record of one run, or a Redis that refuses for a while. The others are looked at, and this one again soon.
        looks.delete(id);
      }
    }
  }

  const onMessage = (channel: string, id: string) => {
    if (channel === keys.cancels) for (const worker of workers) worker.cancel(id);
  };
  // Before the subscription, so that no message is missed.
  subscriber.on("message", onMessage);
  await subscriber.subscribe(keys.cancels).catch((error: unknown) => {
    subscriber.off("message", onMessage);
    throw error;
  });
  // Where Redis is away, the next tick does it.
  const ticker = createTicker({ everyMs: reconcileEveryMs, tick: reconcile, onError: () => {} });
  const onReady = () => {
    looksAtAll = true;
    ticker.wake();
  };
  subscriber.on("ready", onReady);

  return {
    async close(): Promise<void> {
      subscriber.off("message", onMessage).off("ready", onReady);
      await ticker.close();
    },
  };
}
