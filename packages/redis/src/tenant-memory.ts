import { createFreshReading } from "@darkroom/runtime";
import type { Redis } from "ioredis";

export type TenantMemoryOptions = {
  redis: Redis;
  /** The name of the HASH tenant → about how many bytes it takes. */
  name: string;
  /** How long an answer is good for, in milliseconds. Sums move by a few records in that time. */
  freshForMs?: number;
  /** Milliseconds from any beginning, never back. */
  now?: () => number;
};

/** Of one step of a scan, so that no command takes Redis longer than a millisecond, however many tenants there are. */
const pageFields = 1_000;

/**
 * Returns the function that reads about how many bytes of Redis each tenant's generations take. It asks Redis at most once in a while, and
 * not at all while nobody asks: every process may be asked for it, and all have the same answer.
 */
export function createTenantMemory(options: TenantMemoryOptions) {
  const { redis, name, freshForMs = 30_000, now } = options;

  async function scan(): Promise<ReadonlyMap<string, number>> {
    const amounts = new Map<string, number>();
    let cursor = "0";
    do {
      const [next, fields] = await redis.hscan(name, cursor, "COUNT", pageFields);
      for (let at = 0; at + 1 < fields.length; at += 2) amounts.set(fields[at] ?? "", Number(fields[at + 1]));
      cursor = next;
    } while (cursor !== "0");
    return amounts;
  }

  return createFreshReading(scan, { freshForMs, now });
}
