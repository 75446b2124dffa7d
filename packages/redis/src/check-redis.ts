import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "@darkroom/runtime";
import { infoField } from "./info-field.ts";
import { type ProbeNames, probeWrites } from "./probe-writes.ts";
import { faultOf, reachRedis } from "./reach-redis.ts";
import { explainRedisError, predicates } from "./redis-faults.ts";

export type CheckRedisOptions = {
  names: ProbeNames;
  /** Whether a Redis that may evict is refused; else there is a warning. */
  requireNoEviction: boolean;
  log: Pick<Logger, "warn">;
  /** How long a Redis that is starting up, or loading its data, is waited for, in milliseconds. */
  withinMs?: number;
};

/** ZRANGE with BYSCORE, by which changes of keys are read, came with it. */
const oldest = { major: 6, minor: 2 };

const loadingPollMs = 200;

/**
 * Looks whether a Redis can be used, by a connection of its own. Throws one sentence that says what is wrong and what to do: it cannot
 * be reached, is no Redis or not of the kind that is wanted, or does not let its user do what is needed. What passes by itself (it is
 * full, its disk is, replicas are missing) is no reason not to start: a worker that runs makes room.
 */
export async function checkRedis(
  url: string,
  { names, requireNoEviction, log, withinMs = 10_000 }: CheckRedisOptions,
): Promise<void> {
  const redis = await reachRedis(url, withinMs);
  try {
    await followMoves(redis, names.keys[0]);
    const info = await untilLoaded(redis, withinMs);
    const refusal = refusalOf(info, names);
    if (refusal !== undefined) throw faultOf(redis, refusal);
    const evicts = evictionOf(info);
    if (evicts !== undefined && requireNoEviction) throw faultOf(redis, evicts);
    if (evicts !== undefined) log.warn({}, faultOf(redis, evicts).message);
    await tryRights(redis, names);
  } finally {
    redis.disconnect();
  }
}

/** A cluster that is at rest answers the second node with the data; in a failover there may be one or two more. */
const mostMoves = 5;

/** Goes to the node of a cluster that owns the slot of a key: with each answer `MOVED` the connection follows to another. */
async function followMoves(redis: Redis, key: string): Promise<void> {
  for (let moves = 0; moves < mostMoves; moves++) {
    try {
      await redis.exists(key);
      return;
    } catch (error) {
      // What else is wrong will be found, and be told of, by what follows.
      if (!(error instanceof Error && error.message.startsWith("MOVED "))) return;
    }
  }
}

type Info = (name: string) => string | undefined;

async function untilLoaded(redis: Redis, withinMs: number): Promise<Info> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    let text = "loading:1";
    try {
      text = await redis.info();
    } catch (error) {
      const { predicate, passes } = meaningOf(error);
      if (!passes || performance.now() >= untilMs) throw faultOf(redis, predicate, error);
    }
    const info: Info = (name) => infoField(text, name);
    if (info("loading") !== "1") return info;
    if (performance.now() >= untilMs) throw faultOf(redis, predicates.loading);
    await pause(loadingPollMs);
  }
}

/** What is wrong with a Redis for good; undefined when nothing is. */
function refusalOf(info: Info, names: ProbeNames): string | undefined {
  const mode = info("redis_mode");
  if (mode === "sentinel") {
    return "is a Sentinel, which holds no data. Write redis-sentinel:// in REDIS_URL, and the name of the primary at its end.";
  }
  // Where the prefix is a hash tag, the trial write tells whether this node owns its slot.
  if ((mode === "cluster" || info("cluster_enabled") === "1") && !names.keys.every(hasHashTag)) {
    return predicates.cluster;
  }
  if (info("role") === "slave") {
    const primary = info("master_host");
    return `is a replica${primary === undefined ? "" : ` of ${primary}:${info("master_port")}`}. Name its primary in REDIS_URL.`;
  }
  const version = info("redis_version") ?? "";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
    return `is of version ${version}, and Darkroom needs ${oldest.major}.${oldest.minor} or a later one. Update it.`;
  }
  return undefined;
}

/** Whether the slot of a key is that of a prefix in braces (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags). */
const hasHashTag = (key: string): boolean => /^\{[^}]+\}/.test(key);

function evictionOf(info: Info): string | undefined {
  const policy = info("maxmemory_policy");
  if (policy === "noeviction") return undefined;
  return (
    `may throw away what it holds: its maxmemory-policy is ${policy === undefined ? "not told" : `"${policy}"`} and must be "noeviction". ` +
    "Set it with: redis-cli config set maxmemory-policy noeviction (and in redis.conf, so that it lasts)."
  );
}

/** Long enough to be understood, too short to be noticed, in seconds. */
const shortestBlock = 0.01;

/** Does what needs a right of its own: scripts that write, reads that block, channels. */
async function tryRights(redis: Redis, names: ProbeNames): Promise<void> {
  const tries: (() => Promise<unknown>)[] = [
    () => probeWrites(redis, names),
    () => redis.bzpopmin(names.keys[1], shortestBlock),
    () => redis.subscribe(names.channel),
  ];
  for (const attempt of tries) {
    try {
      await attempt();
    } catch (error) {
      const { predicate, passes } = meaningOf(error);
      if (!passes) throw faultOf(redis, predicate, error);
    }
  }
}

/** What an answer of Redis means to a start: what to say of it, and whether it passes by itself. */
function meaningOf(error: unknown): { predicate: string; passes: boolean } {
  const fault = error instanceof Error ? explainRedisError(error) : undefined;
  if (fault !== undefined) return { predicate: fault.predicate, passes: fault.hopeMs > 0 };
  return { predicate: `does not do what it is asked: ${String(error)}`, passes: false };
}
