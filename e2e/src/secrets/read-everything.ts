import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { connectProducer, untilConnected } from "@darkroom/redis";

/** Where something was found, and the bytes that were there. */
export type Found = { where: string; bytes: Buffer };

/** Every key of a Redis server, with all that it holds, of whatever type. */
export async function everythingInRedis(url: string): Promise<Found[]> {
  const redis = connectProducer(url, () => {});
  await untilConnected(redis, 5_000);
  const readers: Record<string, (key: string) => Promise<unknown>> = {
    string: (key) => redis.get(key),
    hash: (key) => redis.hgetall(key),
    list: (key) => redis.lrange(key, 0, -1),
    set: (key) => redis.smembers(key),
    zset: (key) => redis.zrange(key, "0", "-1", "WITHSCORES"),
    stream: (key) => redis.xrange(key, "-", "+"),
  };
  try {
    const found: Found[] = [];
    for (const key of await redis.keys("*")) {
      const type = await redis.type(key);
      // It ran out since it was listed.
      if (type === "none") continue;
      const read = readers[type];
      if (read === undefined) throw new Error(`There is no reader for a ${type}, which ${key} is`);
      found.push({ where: `${key} (${type})`, bytes: Buffer.from(JSON.stringify([key, await read(key)])) });
    }
    return found;
  } finally {
    redis.disconnect();
  }
}

/** Every file below a folder, its path included. */
export async function everythingInFolder(folder: string): Promise<Found[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Promise.all(
    files.map(async (file) => ({
      where: file,
      bytes: Buffer.concat([Buffer.from(`${file}\n`), await readFile(file)]),
    })),
  );
}
