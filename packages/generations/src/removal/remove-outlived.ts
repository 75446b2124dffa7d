import { defineScript, formerPlaceMs, isDamage, type Keys, type Quarantine } from "@darkroom/redis";
import { ObjectsLeftError, type StorageError } from "@darkroom/storage";
import type { Redis } from "ioredis";
import { z } from "zod";
import { unpackFields } from "../packing/pack-record.ts";
import type { Retention } from "../records/retention.ts";

const claimOutlived = defineScript(
  new URL("../scripts/claim-outlived.lua", import.meta.url),
  z.tuple([z.int()], z.string()),
);
const dropOutlived = defineScript(new URL("../scripts/drop-outlived.lua", import.meta.url), z.int());

export type RemoveOutlivedOptions = {
  redis: Redis;
  keys: Keys;
  retention: Retention;
  /**
   * Removes objects from the object store, however many. Throws `ObjectsLeftError` where it could not remove some. Null where a rule of the
   * bucket removes them: then only the records are dropped.
   */
  dropObjects: ((keys: string[]) => Promise<void>) | null;
  quarantine: Pick<Quarantine, "setAside">;
  /** The most generations of a page. A test may have fewer. */
  pageSize?: number;
};

/** A page takes two steps of Redis of some two milliseconds each, so a caller waits no longer for it. A call to S3 takes all its objects. */
const defaultPageSize = 100;
/** Removing the objects of one page takes seconds at most. After a minute its worker has died, or the store is away. */
const takeOverAfterMs = 60_000;

/** The fields of a record that name its objects, as any release wrote them. */
const objectSchema = z.object({ key: z.string() });
const deliverySchema = z.object({ images: z.array(objectSchema) });

/** A generation that was claimed, and the keys of its objects. */
type Outlived = { id: string; fields: Record<string, Buffer>; objects: string[] };

/** What became of a page. */
export type RemovedPage = {
  /** How many generations were removed. */
  removed: number;
  /** Whether more were due. */
  more: boolean;
};

/**
 * Returns the function that removes the next page of generations whose retention is over, with their objects. It claims the records first:
 * after that their owners cannot queue them again, so their objects can be removed safely. No two workers get the same page. A claimed record
 * stays in `retained` until its objects are gone, so that another worker finishes it after a crash. A record that cannot be read, and one
 * with an object that the store refuses to remove, go into quarantine. Throws where the store is away.
 */
export function createRemoveOutlived(options: RemoveOutlivedOptions) {
  const { redis, keys, retention, dropObjects, quarantine, pageSize = defaultPageSize } = options;

  const setAside = (id: string, error: unknown, fields: Record<string, Buffer> = {}) =>
    quarantine.setAside({
      kind: "removal",
      id,
      error,
      fields,
      waits: { lists: [keys.retained] },
      drops: [keys.forgotten(id), keys.partials(id)],
    });

  /**
   * Reads which objects generations have. One that cannot be read is set aside. Throws where Redis breaks off: that says nothing about any of
   * them, and they are due again when the claim is over.
   */
  async function readObjects(ids: readonly string[]): Promise<Outlived[]> {
    if (ids.length === 0) return [];
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetallBuffer(keys.forgotten(id)).lrange(keys.partials(id), 0, -1);
    const answers = (await pipeline.exec()) ?? [];
    const refusal = answers.find(([error]) => error !== null && !isDamage(error))?.[0];
    if (refusal) throw refusal;
    const readable: Outlived[] = [];
    for (const [i, id] of ids.entries()) {
      const [hash, partials] = answers.slice(2 * i, 2 * i + 2);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what HGETALL answers; a pipeline's answers are untyped
      const fields = (hash?.[1] ?? {}) as Record<string, Buffer>;
      try {
        const error = hash?.[0] ?? partials?.[0];
        if (error) throw error;
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what LRANGE answers
        readable.push({ id, fields, objects: objectsOf(id, fields, (partials?.[1] ?? []) as string[]) });
      } catch (error) {
        await setAside(id, error, fields);
      }
    }
    return readable;
  }

  /** Removes the objects of generations. Answers those generations that have none left. */
  async function removeObjects(outlived: readonly Outlived[]): Promise<string[]> {
    if (dropObjects === null || outlived.length === 0) return outlived.map(({ id }) => id);
    let left: ReadonlyMap<string, StorageError> = new Map();
    try {
      await dropObjects(outlived.flatMap(({ objects }) => objects));
    } catch (error) {
      if (!(error instanceof ObjectsLeftError)) throw error;
      left = error.left;
      const isOfAll = outlived.every(({ objects }) => objects.some((key) => left.has(key)));
      // The store is away, or a setting is wrong.
      if (isOfAll && outlived.length > 1) throw error;
      // Where the store is busy, the others are removed when the claim is over.
      if (isOfAll && error.retryable) throw error;
    }
    const done: string[] = [];
    for (const { id, objects, fields } of outlived) {
      const errors = objects.flatMap((key) => left.get(key) ?? []);
      const refusal = errors.find(({ retryable }) => !retryable);
      if (errors.length === 0) done.push(id);
      else if (refusal !== undefined) await setAside(id, refusal, fields);
    }
    return done;
  }

  return async (): Promise<RemovedPage> => {
    const args = [pageSize, retention.tombstonesMs, formerPlaceMs, takeOverAfterMs];
    const [due, ...claimed] = await claimOutlived(redis, [keys.retained, keys.root], args);
    const bare: string[] = [];
    const withObjects: string[] = [];
    for (let at = 0; at < claimed.length; at += 2) {
      const [id = "", known = ""] = claimed.slice(at, at + 2);
      if (known === "none" || (known === "objects" && dropObjects === null)) bare.push(id);
      else if (known === "objects") withObjects.push(id);
      else await setAside(id, new Error(known));
    }
    const drop = async (ids: readonly string[]): Promise<void> => {
      if (ids.length > 0) await dropOutlived(redis, [keys.retained, keys.root], [...ids]);
    };
    // First, so that they go also while the store is away.
    await drop(bare);
    const emptied = await removeObjects(await readObjects(withObjects));
    await drop(emptied);
    return { removed: bare.length + emptied.length, more: due === pageSize };
  };
}

/** The keys of a generation's objects, each once. Throws where a field cannot be read. */
function objectsOf(id: string, hash: Readonly<Record<string, Buffer>>, partials: readonly string[]): string[] {
  const { delivery, superseded } = unpackFields(id, hash);
  const deliveries = [delivery ?? [], superseded?.split("\n") ?? []].flat();
  const objects = [
    ...deliveries.flatMap((text) => deliverySchema.parse(JSON.parse(text)).images),
    ...partials.map((text) => objectSchema.parse(JSON.parse(text))),
  ];
  return [...new Set(objects.map(({ key }) => key))];
}
