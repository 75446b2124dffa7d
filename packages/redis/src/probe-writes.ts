import type { Redis } from "ioredis";
import { z } from "zod";
import { defineScript } from "./define-script.ts";
import { explainRedisError } from "./redis-faults.ts";

/** Names that nothing else uses, for a write that is taken back at once. */
export type ProbeNames = {
  /** One beside the records, one beside the lanes: in Cluster mode they are in two slots, unless the prefix is in braces. */
  keys: readonly [own: string, lane: string];
  channel: string;
};

const script = defineScript(new URL("scripts/probe.lua", import.meta.url), z.literal(1));

/** Writes as those who submit do, and takes it back. Throws what Redis answers. */
export async function probeWrites(redis: Redis, { keys, channel }: ProbeNames): Promise<void> {
  await script(redis, keys, [channel]);
}

export type WriteProbeOptions = {
  redis: Redis;
  names: ProbeNames;
  /** Is told what Redis answers, each time that it is asked and refuses. */
  onRefusal: (error: unknown, sentence: string) => void;
  /** For how long an answer stands, in milliseconds: probes come from many sides every few seconds, and an outage is to be seen soon. */
  everyMs?: number;
  /** How long Redis may take, in milliseconds: readiness probes give up after some seconds. */
  withinMs?: number;
};

/**
 * Returns the function that says what keeps Redis from taking writes, as a sentence; null when it takes them. It writes, because a Redis
 * that is full, a replica, or without a right answers every ping.
 */
export function createWriteProbe(options: WriteProbeOptions): () => Promise<string | null> {
  const { redis, names, onRefusal, everyMs = 2_000, withinMs = 2_000 } = options;
  let asked = { atMs: Number.NEGATIVE_INFINITY, fault: Promise.resolve<string | null>(null) };

  async function ask(): Promise<string | null> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const tooLate = () => reject(new Error(`Redis did not answer within ${withinMs} ms`));
    // An answer that waits in the socket while this process is busy is read before that.
    const timer = setTimeout(() => setImmediate(tooLate), withinMs);
    try {
      await Promise.race([probeWrites(redis, names), late]);
      return null;
    } catch (error) {
      const fault = error instanceof Error && error.name === "ReplyError" ? explainRedisError(error) : undefined;
      const sentence = fault === undefined ? "Redis does not answer." : `Redis ${fault.predicate}`;
      onRefusal(error, sentence);
      return sentence;
    } finally {
      clearTimeout(timer);
    }
  }

  return async () => {
    // A patient connection would keep the question until Redis is back.
    if (redis.status !== "ready") return "Redis does not answer.";
    const nowMs = performance.now();
    if (nowMs - asked.atMs >= everyMs) asked = { atMs: nowMs, fault: ask() };
    return asked.fault;
  };
}
