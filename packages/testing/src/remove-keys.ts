import type { Redis } from "ioredis";

/** Removes every key that begins with a prefix, as a test does that shared the server with others. */
export async function removeKeys(redis: Redis, prefix: string): Promise<void> {
  for await (const found of redis.scanStream({ match: `${prefix}:*` })) {
    if (found.length > 0) await redis.del(...found);
  }
}
