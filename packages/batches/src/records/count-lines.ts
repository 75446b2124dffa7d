import { isDamage, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";

/** Records of one round trip. */
const page = 500;

/**
 * Counts, in the records of batches, the lines of each tenant that have not ended. A tenant without any is not there. It reads page by page:
 * lines that end meanwhile may be counted, so the caller must know whether some did. A record of another type counts as none: it must not
 * keep all tenants from their count.
 */
export async function countLines(
  redis: Redis,
  keys: Pick<Keys, "activeBatches" | "batch">,
): Promise<ReadonlyMap<string, number>> {
  const lines = new Map<string, number>();
  const ids = await redis.zrange(keys.activeBatches, "0", "-1");
  for (let from = 0; from < ids.length; from += page) {
    const pipeline = redis.pipeline();
    for (const id of ids.slice(from, from + page)) pipeline.hmget(keys.batch(id), "tenant", "heldLines");
    for (const [error, fields] of (await pipeline.exec()) ?? []) {
      if (error && !isDamage(error)) throw error;
      const [tenant, held]: unknown[] = Array.isArray(fields) ? fields : [];
      if (typeof tenant === "string") lines.set(tenant, (lines.get(tenant) ?? 0) + Number(held ?? 0));
    }
  }
  return lines;
}
