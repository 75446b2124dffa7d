import { isEnding } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import type { Keys } from "@darkroom/redis";
import { createEventLoopTurns, createTicker } from "@darkroom/runtime";
import { decodeRecord, type GenerationRecord } from "../records/generation-record.ts";
import { startHeartbeat } from "./heartbeat.ts";

type EndingWaitsOptions = {
  /** Takes commands, fails fast. */
  redis: Redis;
  /** Subscribes to the reply channel, and to nothing else. */
  subscriber: Redis;
  keys: Keys;
  /** Names this process; no two processes may share it. */
  instance: string;
  /** The first pause before the record of a wait is read in case a message was lost, in milliseconds. Each further pause is twice as long. */
  reconcileEveryMs?: number;
  /** After this time of waiting, in milliseconds, a missing record counts as lost. Before, it may not be written yet. */
  lostAfterMs?: number;
};

/** Ids per pipeline of a poll. A thousand short reads take Redis about a millisecond. */
const reconcileChunk = 1_000;

/** The longest pause after failed polls. It is shorter than the half minute of other loops, because callers wait for the result. */
const maxPauseMs = 5_000;

/**
 * The longest pause between two looks at the record of one wait. Redis delivers every message of a connection that lives, and all records
 * are read when a connection was lost, so a look finds something only after a fault that we do not know.
 */
const longestPauseMs = 30_000;

/** Is called with the record where the message of an ending has brought it. */
type Listener = (record?: GenerationRecord) => void;

/** A generation that somebody follows. */
type Followed = {
  listeners: Set<Listener>;
  /** When the first of them began, by `performance.now()`. */
  sinceMs: number;
  /** When to look at its record, and the pause after that. */
  lookAtMs: number;
  pauseMs: number;
};

/** What stands in a message between the id and the fields of the record (callers.lua). */
const beforeFields = " ended ";

/** The ended record that a message has brought; nothing where it has brought none that this release can read. */
function recordIn(message: string, id: string): GenerationRecord | undefined {
  if (!message.startsWith(beforeFields, id.length)) return undefined;
  const words = message.slice(id.length + beforeFields.length).split("\t");
  const hash: Record<string, string> = {};
  for (let at = 0; at + 1 < words.length; at += 2) hash[words[at] ?? ""] = words[at + 1] ?? "";
  try {
    const record = decodeRecord(hash);
    return record?.id === id && isEnding(record.status) ? record : undefined;
  } catch {
    // The waiting call reads the record, and reports why it cannot be read.
    return undefined;
  }
}

/**
 * Waits for generations to end. Each process has one reply channel, which the record of a generation names, and the ending is published
 * there, usually with the record as it has become. Nothing depends on the message: the records are read on every reconnect, and after pauses
 * that grow, so a lost message costs time and never an answer. The cost of a waiting process does not depend on the waits of other processes.
 */
export async function createEndingWaits(options: EndingWaitsOptions) {
  const { redis, subscriber, keys, instance, reconcileEveryMs = 2_000, lostAfterMs = 5_000 } = options;
  const channel = keys.replies(instance);
  const waits = new Map<string, Followed>();
  const watches = new Map<string, Followed>();
  /** Each listener reads the record and may answer with it. */
  const turns = createEventLoopTurns();
  /** Set where messages may have been lost. */
  let looksAtAll = false;
  let callers = 0;

  /** Adds a listener. Returns the function that removes it, which answers whether it was the last. */
  function follow(all: Map<string, Followed>, id: string, listener: Listener): () => boolean {
    const nowMs = performance.now();
    const followed = all.get(id) ?? { listeners: new Set(), sinceMs: nowMs, lookAtMs: 0, pauseMs: 0 };
    // A message may have been sent just before this one began.
    followed.lookAtMs = nowMs + reconcileEveryMs;
    followed.pauseMs = reconcileEveryMs;
    followed.listeners.add(listener);
    all.set(id, followed);
    return () => {
      followed.listeners.delete(listener);
      if (followed.listeners.size === 0 && all.get(id) === followed) all.delete(id);
      return !all.has(id);
    };
  }

  /** Those whose records are to be read now. */
  function due(all: ReadonlyMap<string, Followed>, every: boolean): string[] {
    // A tick may come a moment early.
    const nowMs = performance.now() + reconcileEveryMs / 10;
    return [...all].flatMap(([id, { lookAtMs }]) => (every || lookAtMs <= nowMs ? [id] : []));
  }

  function lookLater(followed: Followed | undefined): void {
    if (followed === undefined) return;
    followed.pauseMs = Math.min(followed.pauseMs * 2, Math.max(longestPauseMs, reconcileEveryMs));
    followed.lookAtMs = performance.now() + followed.pauseMs;
  }

  function wake(id: string, record?: GenerationRecord): void {
    const followed = waits.get(id);
    waits.delete(id);
    for (const resolve of followed?.listeners ?? []) resolve(record);
  }

  function show(id: string): void {
    for (const onChange of watches.get(id)?.listeners ?? []) turns.take(onChange);
  }

  async function reconcile(): Promise<void> {
    const every = looksAtAll;
    looksAtAll = false;
    try {
      await look(every);
    } catch (error) {
      looksAtAll ||= every;
      throw error;
    }
  }

  async function look(every: boolean): Promise<void> {
    for (const id of due(watches, every)) {
      lookLater(watches.get(id));
      show(id);
    }
    if (redis.status !== "ready") {
      looksAtAll ||= every;
      return;
    }
    const ids = due(waits, every);
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
        const followed = waits.get(id);
        const lost = status === null && performance.now() - (followed?.sinceMs ?? 0) > lostAfterMs;
        if (lost || (typeof status === "string" && isEnding(status))) wake(id);
        else lookLater(followed);
      }
    }
    if (refusal !== null) throw refusal;
  }

  subscriber.on("message", (from: string, message: string) => {
    if (from !== channel) return;
    const [id = "", change] = message.split(" ", 2);
    if (change === "changed") show(id);
    else if (waits.has(id)) wake(id, recordIn(message, id));
  });
  await subscriber.subscribe(channel);
  // While Redis is away the next tick comes soon, and one comes when it is back.
  const ticker = createTicker({ everyMs: reconcileEveryMs, tick: reconcile, maxPauseMs, onError: () => {} });
  const lookAtAll = () => {
    looksAtAll = true;
    ticker.wake();
  };
  subscriber.on("ready", lookAtAll);
  redis.on("ready", lookAtAll);
  // After the subscription, because a process with a heartbeat and without a subscription counts as killed.
  const heartbeat = await startHeartbeat({ redis, keys, channel });

  return {
    /** The channel on which this process gets endings and changes. */
    channel,

    /**
     * A new name for a caller of this process, for its submission. The script that ends the generation wakes the named callers, and sends the
     * record to this process.
     */
    newCaller: (): string => `${channel}/${++callers}+`,

    /** How many generations are waited for. */
    get size(): number {
      return waits.size;
    },

    /**
     * Begins a wait. Call it before the generation is submitted, so that no ending is missed. `ended` resolves when the generation has
     * ended or its record is gone: with the ended record where the message has brought it, else read the record to find out. The message may
     * be of an ending before the generation was queued again; then its version is lower. Call `leave` when the wait is over.
     */
    wait(id: string): { ended: Promise<GenerationRecord | undefined>; leave: () => void } {
      const { promise, resolve } = Promise.withResolvers<GenerationRecord | undefined>();
      const leave = follow(waits, id, resolve);
      return { ended: promise, leave: () => void leave() };
    },

    /**
     * Calls `onChange` for every change of state and every partial image, and now and then in case a message was lost: read the
     * record to know what is new. The record must name this channel as one of its watchers. Returns the function that ends it, which
     * tells whether no caller of this process watches any more.
     */
    watch: (id: string, onChange: () => void): (() => boolean) => follow(watches, id, onChange),

    async close(): Promise<void> {
      redis.off("ready", lookAtAll);
      await ticker.close();
      await heartbeat.close();
      // Not `quit`, which would wait for a Redis that is away, although there is nothing to finish.
      subscriber.disconnect();
    },
  };
}
