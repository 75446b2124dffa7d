import { isBatchId } from "@darkroom/contracts";
import { UnreadableRecord } from "@darkroom/generations";
import type { Redis } from "ioredis";
import { type Keys, redisTime } from "@darkroom/redis";
import type { Lanes } from "@darkroom/queue";
import { type Logger, createTicker } from "@darkroom/runtime";
import { toldEndingSchema, webhookLane } from "./webhook-delivery.ts";
import type { WebhookStore } from "./webhook-store.ts";
import { destinationOf, readSubject, type WebhookSubjectStores } from "./webhook-subject.ts";

export type WebhookDispatcherOptions = WebhookSubjectStores & {
  redis: Redis;
  keys: Keys;
  webhooks: WebhookStore;
  lanes: Lanes;
  log: Logger;
  /** How often the outbox is looked at, in milliseconds: the most that a webhook is late by. */
  everyMs?: number;
  /** How long after its time a delivery's job is believed to be lost, in milliseconds. */
  overdueAfterMs?: number;
};

/** Endings handed over per tick; the next tick takes the rest. */
const page = 200;
/** Endings that are remembered as logged. More than that are logged again. */
const mostNoted = 1_000;

/**
 * Moves endings from the outbox, where the script that ended the generation or batch put them, to the lane of webhooks. No crash loses
 * one: an ending leaves the outbox only when its delivery is stored and has a job.
 */
export function createWebhookDispatcher(options: WebhookDispatcherOptions) {
  const { redis, keys, webhooks, lanes, log, everyMs = 500, overdueAfterMs = 60_000 } = options;

  async function handOver(entry: string): Promise<void> {
    const [subjectId = "", version = "", status] = entry.split(" ");
    const about = isBatchId(subjectId) ? { batchId: subjectId } : { generationId: subjectId };
    const subject = await readSubject(options, about);
    const destination = subject && destinationOf(subject);
    if (subject !== null && destination !== null) {
      const { tenant, keyId } = subject.record;
      const id = `msg_${subjectId.slice(subjectId.indexOf("_") + 1)}_${version}`;
      const ending = toldEndingSchema.parse(status);
      const createdAtMs = destination.endedAtMs ?? Date.now();
      await webhooks.create({ id, tenant, keyId, ...about, ending, url: destination.url, createdAtMs });
      await lanes.add(webhookLane, id, 1);
    }
    await redis.zrem(keys.outbox, entry);
  }

  /** Endings whose records this release cannot read: each is logged once. */
  const unreadable = new Set<string>();

  /** An ending whose record this release cannot read waits for a worker of another, behind all others: those go out meanwhile. */
  async function putBack(entry: string, error: UnreadableRecord): Promise<void> {
    if (!unreadable.has(entry))
      log.warn({ ending: entry, err: error }, "A webhook waits for a release that can read it");
    if (unreadable.size >= mostNoted) unreadable.clear();
    unreadable.add(entry);
    await redis.zadd(keys.outbox, "XX", await redisTime(redis), entry);
  }

  async function tick(): Promise<void> {
    for (const entry of await redis.zrange(keys.outbox, "0", `${page - 1}`)) {
      try {
        await handOver(entry);
      } catch (error) {
        if (!(error instanceof UnreadableRecord)) throw error;
        await putBack(entry, error);
      }
    }
    for (const id of await redis.zrangebyscore(
      keys.deliveries,
      "-inf",
      Date.now() - overdueAfterMs,
      "LIMIT",
      0,
      page,
    )) {
      if ((await lanes.find(webhookLane, id)) !== null) continue;
      const delivery = await webhooks.read(id);
      if (delivery?.status === "pending") await lanes.add(webhookLane, id, 1);
      else await redis.zrem(keys.deliveries, id);
    }
  }

  const onError = (error: unknown) => log.warn({ err: error }, "The outbox of webhooks could not be emptied");
  const ticker = createTicker({ everyMs, tick, onError });

  return {
    /** One tick, now. */
    tick,
    close: (): Promise<void> => ticker.close(),
  };
}
