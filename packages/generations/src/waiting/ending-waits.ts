import { isEnding } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import type { Keys } from "@darkroom/redis";
import { createTicker } from "@darkroom/runtime";
import { startHeartbeat } from "./heartbeat.ts";

type EndingWaitsOptions = {
  /** Takes commands, fails fast. */
  redis: Redis;
  /** Subscribes to the reply channel, and to nothing else. */
  subscriber: Redis;
  keys: Keys;
  /** Names this process; no two processes may share it. */
  instance: string;
  /** How often the records of all waits are polled, in milliseconds, in case a message was lost. */
  reconcileEveryMs?: number;
  /** After this time of waiting, in milliseconds, a missing record counts as lost. Before, it may not be written yet. */
  lostAfterMs?: number;
};

/** Ids per pipeline of a poll. A thousand short reads take Redis about a millisecond. */
const reconcileChunk = 1_000;

/** The longest pause after failed polls. It is shorter than the half minute of other loops, because callers wait for the result. */
const maxPauseMs = 5_000;

/**
 * Waits for generations to end. Each process has one reply channel, which the record of a generation names, and the ending is published
 * there. The message is only a wake-up: the records are polled on every reconnect and every two seconds, so a lost message costs time and
 * never an answer. The cost of a waiting process does not depend on the waits of other processes.
 */
export async function createEndingWaits(options: EndingWaitsOptions) {
  const { redis, subscriber, keys, instance, reconcileEveryMs = 2_000, lostAfterMs = 5_000 } = options;
  const channel = keys.replies(instance);
  const waits = new Map<string, Set<() => void>>();
  /** When the first wait for each began. */
  const sinceMs = new Map<string, number>();
  const watches = new Map<string, Set<() => void>>();
  let callers = 0;

  function wake(id: string): void {
    const resolvers = waits.get(id);
    waits.delete(id);
    sinceMs.delete(id);
    for (const resolve of resolvers ?? []) resolve();
  }

  function show(id: string): void {
    for (const onChange of watches.get(id) ?? []) onChange();
  }

  async function reconcile(): Promise<void> {
    for (const id of watches.keys()) show(id);
    if (waits.size === 0 || redis.status !== "ready") return;
    const ids = [...waits.keys()];
    let refusal: Error | null = null;
    for (let from = 0; from < ids.length; from += reconcileChunk) {
      const chunk = ids.slice(from, from + reconcileChunk);
      const pipeline = redis.pipeline();
      for (const id of chunk) pipeline.hget(keys.record(id), "status");
      const answers = (await pipeline.exec()) ?? [];
      for (const [i, id] of chunk.entries()) {
        const [error, status] = answers[i] ?? [new Error("No answer")];
        if (error !== null) {
          // The error may be that of one record, so the others are still read.
          refusal = error;
          continue;
        }
        // A record that is gone will never end, so its waiting callers must be told.
        const lost = status === null && performance.now() - (sinceMs.get(id) ?? 0) > lostAfterMs;
        if (lost || (typeof status === "string" && isEnding(status))) wake(id);
      }
    }
    if (refusal !== null) throw refusal;
  }

  subscriber.on("message", (from: string, message: string) => {
    if (from !== channel) return;
    const [id = "", change] = message.split(" ");
    if (change === undefined) wake(id);
    else show(id);
  });
  await subscriber.subscribe(channel);
  // While Redis is away the next tick comes soon, and one comes when it is back.
  const ticker = createTicker({ everyMs: reconcileEveryMs, tick: reconcile, maxPauseMs, onError: () => {} });
  subscriber.on("ready", () => ticker.wake());
  // After the subscription, because a process with a heartbeat and without a subscription counts as killed.
  const heartbeat = await startHeartbeat({ redis, keys, channel });

  return {
    /** The channel on which this process gets endings and changes. */
    channel,

    /** A new name for a caller of this process, for its submission. The script that ends the generation wakes the named callers. */
    newCaller: (): string => `${channel}/${++callers}`,

    /** How many generations are waited for. */
    get size(): number {
      return waits.size;
    },

    /**
     * Begins a wait. Call it before the generation is submitted, so that no ending is missed. `ended` resolves when the generation has
     * ended or its record is gone; read the record to find out. Call `leave` when the wait is over.
     */
    wait(id: string): { ended: Promise<void>; leave: () => void } {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (!waits.has(id)) sinceMs.set(id, performance.now());
      const leave = enter(waits, id, resolve);
      return {
        ended: promise,
        leave: () => {
          leave();
          if (!waits.has(id)) sinceMs.delete(id);
        },
      };
    },

    /**
     * Calls `onChange` for every change of state and every partial image, and every two seconds in case a message was lost: read the
     * record to know what is new. The record must name this channel as one of its watchers. Returns the function that ends it, which
     * tells whether no caller of this process watches any more.
     */
    watch: (id: string, onChange: () => void): (() => boolean) => enter(watches, id, onChange),

    async close(): Promise<void> {
      await ticker.close();
      await heartbeat.close();
      // Not `quit`, which would wait for a Redis that is away, although there is nothing to finish.
      subscriber.disconnect();
    },
  };
}

/** Adds a listener under an id. Returns the function that removes it, which answers whether it was the last. */
function enter(listeners: Map<string, Set<() => void>>, id: string, listener: () => void): () => boolean {
  const all = listeners.get(id) ?? new Set();
  listeners.set(id, all.add(listener));
  return () => {
    all.delete(listener);
    if (all.size === 0 && listeners.get(id) === all) listeners.delete(id);
    return !listeners.has(id);
  };
}
