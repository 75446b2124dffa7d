import type { Redis } from "ioredis";
import type { Keys } from "@darkroom/redis";
import type { LaneWorker } from "./lane-worker.ts";
import { createTicker } from "@darkroom/runtime";

export type CancelListenerOptions = {
  redis: Redis;
  /** Subscribes to the channel of cancellations, and to nothing else. */
  subscriber: Redis;
  keys: Keys;
  workers: readonly Pick<LaneWorker, "active" | "cancel">[];
  /** How often the records of generations that run here are checked, in milliseconds, in case a message was lost. */
  reconcileEveryMs?: number;
};

/** Aborts generations that run in this process and were canceled in another: at once by a message, or within some seconds by polling. */
export async function createCancelListener(options: CancelListenerOptions) {
  const { redis, subscriber, keys, workers, reconcileEveryMs = 5_000 } = options;

  async function reconcile(): Promise<void> {
    if (redis.status !== "ready") return;
    for (const worker of workers) {
      for (const id of worker.active()) {
        if ((await redis.hget(keys.record(id), "status")) === "canceled") worker.cancel(id);
      }
    }
  }

  const onMessage = (_channel: string, id: string) => workers.forEach((worker) => worker.cancel(id));
  // Before the subscription, so that no message is missed.
  subscriber.on("message", onMessage);
  await subscriber.subscribe(keys.cancels).catch((error: unknown) => {
    subscriber.off("message", onMessage);
    throw error;
  });
  // Where Redis is away, the next tick does it.
  const ticker = createTicker({ everyMs: reconcileEveryMs, tick: reconcile, onError: () => {} });
  subscriber.on("ready", () => ticker.wake());

  return {
    async close(): Promise<void> {
      await ticker.close();
      // Not `quit`: a Redis that is away would be waited for.
      subscriber.disconnect();
    },
  };
}
