import { isEnding } from "@darkroom/contracts";
import { formerPlaceMs, redisTime } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { queueScript } from "../records/queue-script.ts";
import type { GenerationStore } from "../records/generation-store.ts";
import type { Keys } from "../connection/keys.ts";
import type { Lanes } from "../lanes/lanes.ts";
import type { Log } from "../log.ts";
import { partialImageSchema } from "../records/partial-image.ts";
import { repeat } from "./repeat.ts";
import type { Retention } from "../records/retention.ts";

const forgetScript = queueScript<"ok" | "kept">("forget");

export type JanitorOptions = {
  redis: Redis;
  keys: Keys;
  store: GenerationStore;
  lanes: Lanes;
  retention: Retention;
  /** Removes objects from the object store. */
  dropObjects: (keys: string[]) => Promise<void>;
  log: Log;
  /** How often it looks, in milliseconds. */
  everyMs: number;
  /** How long a submission may take from record to lane before it is believed to have died on the way, in milliseconds. */
  unlanedAfterMs: number;
  /** How long after its start a running generation's job is looked for, in milliseconds: over a lock and two stalled checks. */
  runningAfterMs: number;
};

/** Ids per look at one list: a page is a few milliseconds of Redis. */
const page = 500;

/**
 * Mends what a crash between two steps leaves behind: records without a job go back on their lane, generations that were not begun
 * in their time expire, what has been kept long enough is dropped. Every worker runs one; all it does may be done twice.
 */
export function createJanitor(options: JanitorOptions) {
  const { redis, keys, store, lanes, log, everyMs, unlanedAfterMs, runningAfterMs, retention, dropObjects } = options;

  /** Calls `visit` with every id whose score is at most `beforeMs`, a page at a time. Ids that a visit removes do not shift the rest. */
  async function each(key: string, beforeMs: number, visit: (id: string) => Promise<void>): Promise<void> {
    const ids: string[] = [];
    for (let offset = 0; ; offset += page) {
      const found = await redis.zrangebyscore(key, "-inf", beforeMs, "LIMIT", offset, page);
      ids.push(...found);
      if (found.length < page) break;
    }
    for (const id of ids) await visit(id);
  }

  /** Sees to it that a generation has a job. False where an older job of it is still held: then it needs another look. */
  async function putBack(id: string): Promise<boolean> {
    const [lane, rank, status] = await redis.hmget(keys.record(id), "lane", "rank", "status");
    if (lane == null || status == null || isEnding(status)) return true;
    const job = await lanes.find(lane, id);
    if (job !== null) return job === "waiting";
    await lanes.add(lane, id, Number(rank));
    log.warn({ generationId: id, lane }, "The janitor put a generation back on its lane");
    return true;
  }

  async function look(): Promise<void> {
    const nowMs = await redisTime(redis);
    await each(keys.unlaned, nowMs - unlanedAfterMs, async (id) => {
      if (await putBack(id)) await redis.zrem(keys.unlaned, id);
    });
    await each(keys.running, nowMs - runningAfterMs, async (id) => {
      if ((await redis.exists(keys.record(id))) === 0) await redis.zrem(keys.running, id);
      else await putBack(id);
    });
    await each(keys.expiring, nowMs, async (id) => {
      const lane = await redis.hget(keys.record(id), "lane");
      if (lane === null) await redis.zrem(keys.expiring, id);
      else if ((await store.expire(id, lane)) === "expired") await lanes.remove(lane, id);
    });
    await each(keys.retained, nowMs, forget);
  }

  /** Drops what has been kept long enough: the images first, so that no record is gone whose images are not. */
  async function forget(id: string): Promise<void> {
    const record = await store.read(id);
    const partials = await redis.lrange(keys.partials(id), 0, -1);
    const deliveries = [record?.delivery ?? [], record?.superseded ?? []].flat();
    const images = deliveries.flatMap((delivery) => delivery.images);
    await dropObjects(
      [...images, ...partials.map((text) => partialImageSchema.parse(JSON.parse(text)))].map(({ key }) => key),
    );
    const where = [
      keys.record(id),
      keys.retained,
      keys.index(record?.tenant ?? ""),
      keys.tombstone(id),
      keys.partials(id),
      keys.formerPlace(id),
    ];
    await forgetScript(redis, where, [id, retention.tombstonesMs, formerPlaceMs]);
  }

  const onError = (error: unknown) => log.warn({ err: error }, "The janitor could not finish its round");
  const repetition = repeat({ everyMs, look, onError });

  return {
    /** One round, now. */
    look,
    close: (): Promise<void> => repetition.close(),
  };
}
