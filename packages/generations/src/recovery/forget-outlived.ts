import { defineScript, formerPlaceMs, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { unpackFields } from "../packing/pack-record.ts";
import type { Retention } from "../records/retention.ts";

const claimOutlived = defineScript(
  new URL("../scripts/claim-outlived.lua", import.meta.url),
  z.enum(["claimed", "kept"]),
);

export type ForgetOutlivedOptions = {
  redis: Redis;
  keys: Keys;
  retention: Retention;
  /** Removes objects from the object store. */
  dropObjects: (keys: string[]) => Promise<void>;
};

/** Removing the objects of one generation takes seconds at most. After a minute its worker has died, or the store is away. */
const takeOverAfterMs = 60_000;

/** The fields of a record that name its objects, as any release wrote them. */
const objectSchema = z.object({ key: z.string() });
const deliverySchema = z.object({ images: z.array(objectSchema) });

/**
 * Returns the function that drops a generation whose retention is over, with its objects. It claims the record first: after that its owner
 * cannot queue it again, so its objects can be removed safely. A claimed record stays in `retained` until it is gone, so that another
 * worker finishes it after a crash.
 */
export function createForgetOutlived({ redis, keys, retention, dropObjects }: ForgetOutlivedOptions) {
  return async (id: string): Promise<void> => {
    const where = [
      keys.record(id),
      keys.retained,
      keys.forgotten(id),
      keys.tombstone(id),
      keys.formerPlace(id),
      keys.root,
    ];
    const claim = await claimOutlived(redis, where, [id, retention.tombstonesMs, formerPlaceMs, takeOverAfterMs]);
    if (claim === "kept") return;
    const [forgotten, partials] = await Promise.all([
      redis.hgetallBuffer(keys.forgotten(id)),
      redis.lrange(keys.partials(id), 0, -1),
    ]);
    const { delivery, superseded } = unpackFields(id, forgotten);
    const deliveries = [delivery ?? [], superseded?.split("\n") ?? []].flat();
    const objects = [
      ...deliveries.flatMap((text) => deliverySchema.parse(JSON.parse(text)).images),
      ...partials.map((text) => objectSchema.parse(JSON.parse(text))),
    ];
    await dropObjects(objects.map(({ key }) => key));
    await redis.del(keys.forgotten(id), keys.partials(id));
    await redis.zrem(keys.retained, id);
  };
}
