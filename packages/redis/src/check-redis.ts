import type { Redis } from "ioredis";

type Warn = { warn: (fields: object, sentence: string) => void };

/**
 * Looks whether Redis may evict what it was given to keep: an evicted record is a lost generation. Throws a sentence if so, or, where
 * noeviction is not required, warns.
 */
export async function checkRedis(redis: Redis, { required, log }: { required: boolean; log: Warn }): Promise<void> {
  const info = await redis.info("memory");
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy === "noeviction") return;
  const sentence =
    `Redis may throw away what it holds: its maxmemory-policy is "${policy}" and must be "noeviction". ` +
    "Set it with: redis-cli config set maxmemory-policy noeviction (and in redis.conf, so that it lasts).";
  if (required) throw new Error(sentence);
  log.warn({ policy }, sentence);
}
