import { isEnding } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import type { Keys } from "./keys.ts";

export type EndingWaitsOptions = {
  /** Takes commands, fails fast. */
  redis: Redis;
  /** Subscribes to the reply channel, and to nothing else. */
  subscriber: Redis;
  keys: Keys;
  /** Names this process; no two processes may share it. */
  instance: string;
  /** How often the records of all that is waited for are looked at, in milliseconds, in case a message was lost. */
  reconcileEveryMs?: number;
};

/** Ids per pipeline when records are looked at: a thousand short reads hold Redis for about a millisecond. */
const reconcileChunk = 1_000;

/**
 * Waiting for generations to end. Each process has one reply channel, which a generation's record names; the ending is published
 * there. The message is only a wake-up: on every reconnect and every two seconds the records themselves are checked, so that a lost
 * message costs time and never an answer. What a waiting process costs does not depend on what others wait for.
 */
export async function createEndingWaits(options: EndingWaitsOptions) {
  const { redis, subscriber, keys, instance, reconcileEveryMs = 2_000 } = options;
  const channel = keys.replies(instance);
  const waits = new Map<string, Set<() => void>>();
  let reconciling = false;

  function wake(id: string): void {
    const resolvers = waits.get(id);
    waits.delete(id);
    for (const resolve of resolvers ?? []) resolve();
  }

  async function reconcile(): Promise<void> {
    if (reconciling || waits.size === 0 || redis.status !== "ready") return;
    reconciling = true;
    try {
      const ids = [...waits.keys()];
      for (let from = 0; from < ids.length; from += reconcileChunk) {
        const chunk = ids.slice(from, from + reconcileChunk);
        const pipeline = redis.pipeline();
        for (const id of chunk) pipeline.hget(keys.record(id), "status");
        const answers = (await pipeline.exec()) ?? [];
        for (const [i, id] of chunk.entries()) {
          const [error, status] = answers[i] ?? [new Error("No answer")];
          // A record that is gone will not end any more: whoever waits must be told that, too.
          if (error === null && (typeof status !== "string" || isEnding(status))) wake(id);
        }
      }
    } catch {
      // Redis is away: the next look is in two seconds, and on its return.
    } finally {
      reconciling = false;
    }
  }

  subscriber.on("message", (from: string, id: string) => from === channel && wake(id));
  subscriber.on("ready", () => void reconcile());
  await subscriber.subscribe(channel);
  const timer = setInterval(() => void reconcile(), reconcileEveryMs);

  return {
    /** Goes into the submission, so that whoever ends the generation knows whom to tell. */
    channel,

    /** How many generations are waited for. */
    get size(): number {
      return waits.size;
    },

    /**
     * Begins to wait: call it before the generation is submitted, so that no ending can slip by. `ended` resolves when the
     * generation has ended or its record is gone; read the record to know. `leave` must be called when the wait is over.
     */
    wait(id: string): { ended: Promise<void>; leave(): void } {
      const { promise, resolve } = Promise.withResolvers<void>();
      const resolvers = waits.get(id) ?? new Set();
      waits.set(id, resolvers.add(resolve));
      const leave = () => {
        resolvers.delete(resolve);
        if (resolvers.size === 0 && waits.get(id) === resolvers) waits.delete(id);
      };
      return { ended: promise, leave };
    },

    async close(): Promise<void> {
      clearInterval(timer);
      await subscriber.quit().catch(() => subscriber.disconnect());
    },
  };
}

export type EndingWaits = Awaited<ReturnType<typeof createEndingWaits>>;
