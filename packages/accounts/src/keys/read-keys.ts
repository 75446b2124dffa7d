import { isDamage } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { RedisKeys } from "../redis-keys.ts";
import { decodeKey, type KeyRecord } from "./key-record.ts";

/** Keys read in one round trip. */
const batch = 500;

const fieldsSchema = z.record(z.string(), z.string());

/**
 * The keys of these ids, in their order; null for a key that does not exist or was deleted. A key that this release cannot read is null
 * where `onUnreadable` is given, and else throws.
 */
export async function readKeys(
  redis: Redis,
  names: RedisKeys,
  ids: readonly string[],
  onUnreadable?: (keyId: string, error: unknown) => void,
): Promise<(KeyRecord | null)[]> {
  const records: (KeyRecord | null)[] = [];
  for (let from = 0; from < ids.length; from += batch) {
    const some = ids.slice(from, from + batch);
    const pipeline = redis.pipeline();
    for (const id of some) pipeline.hgetall(names.key(id));
    const answers = (await pipeline.exec()) ?? [];
    for (const [i, id] of some.entries()) {
      const [error, fields] = answers[i] ?? [];
      // Where Redis is away, that says nothing about the key.
      if (error && !isDamage(error)) throw error;
      try {
        if (error) throw error;
        records.push(decodeKey(id, fieldsSchema.parse(fields)));
      } catch (unreadable) {
        if (onUnreadable === undefined) throw unreadable;
        onUnreadable(id, unreadable);
        records.push(null);
      }
    }
  }
  return records;
}
