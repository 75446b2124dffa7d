import { isDamage } from "@darkroom/redis";
import type { Redis } from "ioredis";
import type { FileKeys } from "./file-keys.ts";

/** Records of one round trip. */
const page = 500;

/**
 * Counts, in their records, the files of a tenant that count with what it holds, and their bytes. A file that is kept or removed meanwhile may
 * be counted or not, so the caller must know whether one was. Files that do not count may come and go: a scan returns each id that is there
 * from its beginning to its end, and the places of a sorted set move when another file is removed. A record of another type counts as none.
 */
export async function countFiles(
  redis: Redis,
  keys: Pick<FileKeys, "index" | "record">,
  tenant: string,
): Promise<{ files: number; bytes: number }> {
  // A scan may return an id more than once.
  const ids = new Set<string>();
  let cursor = "0";
  do {
    const [next, found] = await redis.zscan(keys.index(tenant), cursor, "COUNT", page);
    // By turns id and score.
    for (let at = 0; at < found.length; at += 2) ids.add(found[at] ?? "");
    cursor = next;
  } while (cursor !== "0");
  let [files, bytes] = [0, 0];
  const all = [...ids];
  for (let from = 0; from < all.length; from += page) {
    const pipeline = redis.pipeline();
    for (const id of all.slice(from, from + page)) pipeline.hget(keys.record(id), "counted");
    for (const [error, counted] of (await pipeline.exec()) ?? []) {
      if (error && !isDamage(error)) throw error;
      if (typeof counted !== "string") continue;
      files++;
      bytes += Number(counted);
    }
  }
  return { files, bytes };
}
