import { redisTime } from "@darkroom/redis";
import type { Redis } from "ioredis";
import type { RedisKeys } from "../redis-keys.ts";

/**
 * Which versions of a key's webhook secret sign now, the current one first. A key that is not in Redis, such as one of `API_KEYS`, has
 * version 1.
 */
export async function webhookSecretVersions(
  redis: Redis,
  names: RedisKeys,
  keyId: string,
): Promise<[current: number, ...previous: number[]]> {
  const [nowMs, fields] = await Promise.all([
    redisTime(redis),
    redis.hmget(names.key(keyId), "webhookSecretVersion", "webhookPreviousUntil"),
  ]);
  const [version, previousUntilMs] = fields.map(Number);
  if (!version) return [1];
  return nowMs < (previousUntilMs ?? 0) ? [version, version - 1] : [version];
}
