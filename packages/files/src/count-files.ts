import type { Redis } from "ioredis";
import type { FileKeys } from "./file-keys.ts";

/** Records of one round trip. */
const page = 500;

/**
 * Counts, in their records, the files of a tenant that count with what it holds, and their bytes. It reads page by page: a file that comes or
 * goes meanwhile may be missed or counted twice, so the caller must know whether one did.
 */
export async function countFiles(
  redis: Redis,
  keys: Pick<FileKeys, "index" | "record">,
  tenant: string,
): Promise<{ files: number; bytes: number }> {
  let [files, bytes] = [0, 0];
  for (let from = 0; ; from += page) {
    const ids = await redis.zrange(keys.index(tenant), String(from), String(from + page - 1));
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hget(keys.record(id), "counted");
    for (const [error, counted] of (await pipeline.exec()) ?? []) {
      if (error) throw error;
      if (typeof counted !== "string") continue;
      files++;
      bytes += Number(counted);
    }
    if (ids.length < page) return { files, bytes };
  }
}
