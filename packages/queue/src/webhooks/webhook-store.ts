import { z } from "zod";
import type { Redis } from "ioredis";
import { queueScript } from "../records/queue-script.ts";
import { digestOf } from "../records/fingerprint.ts";
import type { Keys } from "../connection/keys.ts";
import { decodeDelivery, type WebhookDelivery } from "./webhook-delivery.ts";

const create = queueScript<"created" | "known">("create-delivery");

/** Settled deliveries can be looked up and replayed for a month. */
const keptMs = 30 * 24 * 3_600_000;
/** Whoever says 410 is left alone for a week; replaying a delivery asks again at once. */
const offMs = 7 * 24 * 3_600_000;

export type WebhookPage = { deliveries: WebhookDelivery[]; hasMore: boolean };

/** Webhook deliveries in Redis. One worker at a time holds a delivery's job, so plain writes do; what is repeated is harmless. */
export function createWebhookStore(redis: Redis, keys: Keys) {
  const offKey = ({ keyId, url }: Pick<WebhookDelivery, "keyId" | "url">) => keys.addressOff(keyId, digestOf(url));

  async function read(id: string): Promise<WebhookDelivery | null> {
    return decodeDelivery(await redis.hgetall(keys.delivery(id)));
  }

  return {
    read,

    /** Writes down that an ending is to be told. Repeating it changes nothing. */
    async create(delivery: Omit<WebhookDelivery, "status" | "attempts">): Promise<"created" | "known"> {
      const { id, tenant, createdAtMs } = delivery;
      const where = [keys.delivery(id), keys.deliveries, keys.deliveryIndex(tenant)];
      const fields = Object.entries(delivery).flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
      return create(redis, where, [id, createdAtMs, createdAtMs - keptMs, ...fields]);
    },

    /** Notes an attempt that is to be followed by another. */
    async postpone(id: string, attempts: number, lastAnswer: string, nextAttemptAtMs: number): Promise<void> {
      await redis
        .multi()
        .hset(keys.delivery(id), { attempts, lastAnswer, nextAttemptAtMs })
        .zadd(keys.deliveries, nextAttemptAtMs, id)
        .exec();
    },

    /** Notes the last attempt, or that there will be none. */
    async settle(
      id: string,
      status: "delivered" | "dead" | "off",
      { attempts, lastAnswer }: { attempts: number; lastAnswer: string },
    ): Promise<void> {
      await redis
        .multi()
        .hset(keys.delivery(id), { status, attempts, lastAnswer })
        .hdel(keys.delivery(id), "nextAttemptAtMs")
        .pexpire(keys.delivery(id), keptMs)
        .zrem(keys.deliveries, id)
        .exec();
    },

    /** An address answered 410: it is sent nothing more of this API key for a while. */
    switchOff: async (delivery: WebhookDelivery): Promise<void> => {
      await redis.set(offKey(delivery), delivery.id, "PX", offMs);
    },

    isOff: async (delivery: WebhookDelivery): Promise<boolean> => (await redis.exists(offKey(delivery))) === 1,

    /** Makes a settled delivery pending again, with all its attempts, and its address welcome. False where it is pending or unknown. */
    async revive(id: string, nowMs: number): Promise<boolean> {
      const delivery = await read(id);
      if (delivery === null || delivery.status === "pending") return false;
      await redis
        .multi()
        .del(offKey(delivery))
        .hset(keys.delivery(id), { status: "pending", attempts: 0, nextAttemptAtMs: nowMs })
        .persist(keys.delivery(id))
        .zadd(keys.deliveries, nowMs, id)
        .exec();
      return true;
    },

    /** A tenant's deliveries, newest first. Null when the id to go on from is not one of its own. */
    async list(options: {
      tenant: string;
      status?: WebhookDelivery["status"] | undefined;
      after?: string | undefined;
      limit: number;
    }): Promise<WebhookPage | null> {
      const index = keys.deliveryIndex(options.tenant);
      const rank = options.after === undefined ? -1 : await redis.zrevrank(index, options.after);
      if (rank === null) return null;
      const deliveries: WebhookDelivery[] = [];
      for (let next = rank + 1; ; next += page) {
        const ids = await redis.zrevrange(index, next, next + page - 1);
        const pipeline = redis.pipeline();
        for (const id of ids) pipeline.hgetall(keys.delivery(id));
        for (const [error, hash] of (await pipeline.exec()) ?? []) {
          if (error) throw error;
          const delivery = decodeDelivery(z.record(z.string(), z.string()).parse(hash));
          if (delivery === null || (options.status !== undefined && delivery.status !== options.status)) continue;
          if (deliveries.length === options.limit) return { deliveries, hasMore: true };
          deliveries.push(delivery);
        }
        if (ids.length < page) return { deliveries, hasMore: false };
      }
    },
  };
}

/** Deliveries read at once. */
const page = 100;

export type WebhookStore = ReturnType<typeof createWebhookStore>;
