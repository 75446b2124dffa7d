import { defineScript, formerPlaceMs } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { ObjectStore } from "@darkroom/storage";
import type { Redis } from "ioredis";
import { z } from "zod";
import { type FileKeys, fileObject, fileOfObject } from "./file-keys.ts";

const dropScript = defineScript(new URL("scripts/drop.lua", import.meta.url), z.literal([0, 1]));

/** How long the one who took a file away is left alone with its object, in milliseconds: a store that is slow takes some seconds. */
const droppingMs = 60_000;
/** Objects per look at one list. */
const page = 500;

export type DropFileOptions = {
  redis: Redis;
  keys: FileKeys;
  objects: Pick<ObjectStore, "delete">;
  log: Pick<Logger, "warn">;
  now: () => Promise<number>;
};

/**
 * Takes files away: first the record, in one step with a note of its object, then the object, then the note. A process that dies in
 * between, or cannot reach the store, leaves the note, by which a sweep finds the object.
 */
export function createDropFile({ redis, keys, objects, log, now }: DropFileOptions) {
  async function removeObjects(dropped: string[]): Promise<void> {
    await objects.delete(dropped);
    if (dropped.length > 0) await redis.zrem(keys.dropping, ...dropped);
  }

  /** Takes the record. False where only what is unwanted is to go, and this is wanted. */
  async function takeRecord(object: string, onlyUnwanted: boolean): Promise<boolean> {
    const { tenant, id } = fileOfObject(object);
    const where = [
      keys.record(id),
      keys.expiring,
      keys.dropping,
      keys.formerPlace(id),
      keys.root,
      ...keys.indexes(tenant),
    ];
    const args = [object, id, await now(), onlyUnwanted ? 1 : 0, tenant, formerPlaceMs];
    return (await dropScript(redis, where, args)) === 1;
  }

  return {
    /** Rejects where Redis is away. Once the record is gone the file is, whether or not the store could be reached. */
    async drop(tenant: string, id: string): Promise<void> {
      const object = fileObject(tenant, id);
      await takeRecord(object, false);
      try {
        await removeObjects([object]);
      } catch (error) {
        log.warn({ err: error, fileId: id }, "The bytes of a removed file are left in the store, until the next sweep");
      }
    },

    /** Takes away what has expired, what uploads have left behind that died, and what others could not finish. Says how many. */
    async sweep(): Promise<number> {
      let swept = 0;
      for (;;) {
        const unwanted = await redis.zrangebyscore(keys.expiring, "-inf", await now(), "LIMIT", 0, page);
        const taken: string[] = [];
        for (const object of unwanted) if (await takeRecord(object, true)) taken.push(object);
        await removeObjects(taken);
        swept += taken.length;
        if (unwanted.length < page) break;
      }
      for (;;) {
        const left = await redis.zrangebyscore(keys.dropping, "-inf", (await now()) - droppingMs, "LIMIT", 0, page);
        await removeObjects(left);
        swept += left.length;
        if (left.length < page) return swept;
      }
    },
  };
}

export type DropFile = ReturnType<typeof createDropFile>;
