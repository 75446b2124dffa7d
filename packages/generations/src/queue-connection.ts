import type { Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import type { Retention } from "./records/retention.ts";

/** A connection to Redis, and the Redis keys of an installation. */
export type QueueConnection = { redis: Redis; keys: Keys };

/** What the scripts need that change the state of a generation. */
export type StoreOptions = QueueConnection & { retention: Retention };

/** The Redis of an installation. */
export type QueuePlace = {
  redisUrl: string;
  /** Begins every key in Redis. */
  prefix: string;
  /** Whether a Redis that may evict is refused; else there is a warning. */
  requireNoEviction: boolean;
};
