import type { Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import type { Retention } from "./records/retention.ts";

/** A connection to Redis, and the names under which an installation keeps what it has there. */
export type QueueConnection = { redis: Redis; keys: Keys };

/** What the scripts that move a generation need. */
export type StoreOptions = QueueConnection & { retention: Retention };

/** Where an installation keeps its queue. */
export type QueuePlace = {
  redisUrl: string;
  /** Begins every key in Redis. */
  prefix: string;
  /** Whether a Redis that may evict is refused; else there is a warning. */
  requireNoEviction: boolean;
};
