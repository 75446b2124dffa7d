import { isBatchId } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import type { Keys } from "@darkroom/redis";
import type { Lanes } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import { createTicker } from "@darkroom/runtime";
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

  async function tick(): Promise<void> {
    for (const entry of await redis.zrange(keys.outbox, "0", `${page - 1}`)) await handOver(entry);
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
