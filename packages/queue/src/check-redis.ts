import type { Redis } from "ioredis";

/** Throws a sentence when Redis may evict what it was given to keep: an evicted record is a lost generation. */
export async function checkRedis(redis: Redis): Promise<void> {
  const info = await redis.info("memory");
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy !== "noeviction") {
    throw new Error(
      `Redis may throw away what it holds: its maxmemory-policy is "${policy}" and must be "noeviction". ` +
        "Set it with: redis-cli config set maxmemory-policy noeviction (and in redis.conf, so that it lasts).",
    );
  }
}
