import { defineScript, formerPlaceMs, isDamage, type Quarantine } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import { type ObjectStore, ObjectsLeftError } from "@darkroom/storage";
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
  /** For a process that sweeps: where what cannot be removed is set aside. Without it the first that cannot be ends the sweep. */
  quarantine?: Pick<Quarantine, "setAside" | "release"> | undefined;
  log: Pick<Logger, "warn">;
  now: () => Promise<number>;
};

/**
 * Takes files away: first the record, in one step with a note of its object, then the object, then the note. A process that dies in
 * between, or cannot reach the store, leaves the note, by which a sweep finds the object.
 */
export function createDropFile({ redis, keys, objects, quarantine, log, now }: DropFileOptions) {
  const setAside = async (object: string, list: string, error: unknown): Promise<void> => {
    const record = keys.record(fileOfObject(object).id);
    const drops = list === keys.expiring ? [record] : [];
    await quarantine?.setAside({ kind: "file-removal", id: object, error, record, waits: { lists: [list] }, drops });
  };

  async function leaveForLater(dropped: readonly string[]): Promise<void> {
    if (dropped.length === 0) return;
    const nowMs = await now();
    await redis.zadd(keys.dropping, "XX", ...dropped.flatMap((key) => [nowMs, key]));
  }

  /**
   * Removes objects whose records are gone, as many as it can, and answers how many. One that the store refuses for good is set aside, and one
   * that it does not remove now waits for a sweep in a minute. Throws where none is removed: they wait for a minute as well, or those behind
   * them on the list would never be reached.
   */
  async function removeObjects(dropped: readonly string[]): Promise<number> {
    if (dropped.length === 0) return 0;
    const removed = new Set(dropped);
    try {
      await objects.delete(dropped);
    } catch (error) {
      if (!(error instanceof ObjectsLeftError) || quarantine === undefined) throw error;
      for (const key of error.left.keys()) removed.delete(key);
      if (removed.size === 0 && (error.retryable || dropped.length > 1)) {
        await leaveForLater(dropped);
        throw error;
      }
      await leaveForLater([...error.left].flatMap(([key, { retryable }]) => (retryable ? [key] : [])));
      for (const [key, refusal] of error.left) if (!refusal.retryable) await setAside(key, keys.dropping, refusal);
    }
    if (removed.size > 0) {
      await redis.zrem(keys.dropping, ...removed);
      await quarantine?.release("file-removal", [...removed]);
    }
    return removed.size;
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

  /** Takes the records of what is unwanted. Answers the objects whose records are gone. A record that cannot be taken is set aside. */
  async function takeRecords(unwanted: readonly string[]): Promise<string[]> {
    const results = await Promise.allSettled(unwanted.map((object) => takeRecord(object, true)));
    const taken: string[] = [];
    for (const [i, object] of unwanted.entries()) {
      const result = results[i];
      if (result?.status === "fulfilled" && result.value) taken.push(object);
      if (result?.status !== "rejected") continue;
      if (quarantine === undefined || !isDamage(result.reason)) throw result.reason;
      await setAside(object, keys.expiring, result.reason);
    }
    return taken;
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
        swept += await removeObjects(await takeRecords(unwanted));
        if (unwanted.length < page) break;
      }
      for (;;) {
        const left = await redis.zrangebyscore(keys.dropping, "-inf", (await now()) - droppingMs, "LIMIT", 0, page);
        swept += await removeObjects(left);
        if (left.length < page) return swept;
      }
    },
  };
}

export type DropFile = ReturnType<typeof createDropFile>;
