import { defineScript, type Keys } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { Retention } from "../records/retention.ts";
import { packFields, plainFieldsOf, unpackFields } from "./pack-record.ts";

const claimPackable = defineScript(
  new URL("../scripts/claim-packable.lua", import.meta.url),
  z.tuple([z.literal([0, 1])], z.string()),
);
const pack = defineScript(new URL("../scripts/pack-record.lua", import.meta.url), z.enum(["ok", "changed"]));
const unpack = defineScript(new URL("../scripts/unpack-record.lua", import.meta.url), z.enum(["ok", "changed"]));

/** The callers that wait for a generation read it in these moments. It is read faster while it is not packed. */
const defaultLeftAloneMs = 1_000;
/** Looked for in one step of Redis, some hundred microseconds. */
const claimedAtOnce = 200;
/** Read and compressed at a time: of the longest prompts, some megabytes. */
const packedAtOnce = 20;

export type PackEndedOptions = {
  redis: Redis;
  keys: Keys;
  retention: Retention;
  log: Logger;
  /** How long a record stays as it is after its ending, in milliseconds: a second by default. */
  leftAloneMs?: number;
};

/**
 * Returns the function that compresses the records that have ended since it was last called, by any worker. It returns early when its
 * worker does not hold the task any more. A record that is not packed is larger and otherwise as good as one that is, so nothing depends
 * on it and nothing waits for it.
 */
export function createPackEnded(options: PackEndedOptions) {
  const { redis, keys, retention, log, leftAloneMs = defaultLeftAloneMs } = options;
  const packRecord = createPackRecord(redis, keys);

  return async (isHeld: () => boolean): Promise<void> => {
    for (let hasMore = true; hasMore && isHeld();) {
      const where = [keys.retained, keys.packedUntil, keys.root];
      const [more, ...ids] = await claimPackable(redis, where, [retention.recordsMs, leftAloneMs, claimedAtOnce]);
      hasMore = more === 1;
      const left = ids.values();
      const packNext = async () => {
        for (const id of left) {
          await packRecord(id).catch((error: unknown) => {
            log.warn({ generationId: id, err: error }, "The record of an ended generation could not be compressed");
          });
        }
      };
      await Promise.all(Array.from({ length: packedAtOnce }, packNext));
    }
  };
}

/** Returns the function that compresses the record of an ended generation. One that has not ended is left as it is. */
export function createPackRecord(redis: Redis, keys: Keys) {
  return async (id: string): Promise<void> => {
    const hash = await redis.hgetall(keys.record(id));
    const { version, endedAt, packed } = hash;
    if (version === undefined || endedAt === undefined || packed !== undefined) return;
    const fields = await packFields(hash);
    if (fields === null) return;
    await pack(redis, [keys.record(id), keys.root], [version, plainFieldsOf(hash).join(" "), ...fields]);
  };
}

/** Gives a packed record back the fields that it was packed from, so that it can be queued once more. */
export async function unpackRecord(redis: Redis, keys: Keys, id: string): Promise<void> {
  const hash = await redis.hgetallBuffer(keys.record(id));
  const fields = Object.entries(unpackFields(id, hash)).filter(([name]) => !(name in hash) || name === "delivery");
  const { version, packed } = hash;
  if (version === undefined || packed === undefined) return;
  await unpack(redis, [keys.record(id), keys.root], [version, "id", id, ...fields.flat()]);
}
