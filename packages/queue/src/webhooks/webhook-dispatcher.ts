import { endings } from "@darkroom/contracts";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { GenerationStore } from "../records/generation-store.ts";
import type { Keys } from "../connection/keys.ts";
import type { Lanes } from "../lanes/lanes.ts";
import type { Log } from "../log.ts";
import { repeat } from "../upkeep/repeat.ts";
import { webhookLane } from "./webhook-delivery.ts";
import type { WebhookStore } from "./webhook-store.ts";

export type WebhookDispatcherOptions = {
  redis: Redis;
  keys: Keys;
  store: Pick<GenerationStore, "read">;
  webhooks: WebhookStore;
  lanes: Lanes;
  log: Log;
  /** How often the outbox is looked at, in milliseconds: the most that a webhook is late by. */
  everyMs?: number;
  /** How long after its time a delivery's job is believed to be lost, in milliseconds. */
  overdueAfterMs?: number;
};

/** Endings handed over per look; the rest is a look later. */
const page = 200;

/**
 * Takes endings from the outbox, where the script that ended the generation put them, to the lane of webhooks. Whoever ended it, and
 * whatever crashed after: an ending leaves the outbox only when its delivery is written down and has a job.
 */
export function createWebhookDispatcher(options: WebhookDispatcherOptions) {
  const { redis, keys, store, webhooks, lanes, log, everyMs = 500, overdueAfterMs = 60_000 } = options;

  async function handOver(entry: string): Promise<void> {
    const [generationId = "", version = "", status] = entry.split(" ");
    const record = await store.read(generationId);
    const url = record?.request.job?.webhook;
    if (record !== null && url !== undefined) {
      const { tenant, keyId, endedAtMs } = record;
      const id = `msg_${generationId.slice("gen_".length)}_${version}`;
      const ending = z.enum(endings).parse(status);
      await webhooks.create({ id, tenant, keyId, generationId, ending, url, createdAtMs: endedAtMs ?? Date.now() });
      await lanes.add(webhookLane, id, 1);
    }
    await redis.zrem(keys.outbox, entry);
  }

  async function look(): Promise<void> {
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
  const repetition = repeat(everyMs, look, onError);

  return {
    /** One look, now. */
    look,
    close: (): Promise<void> => repetition.close(),
  };
}
