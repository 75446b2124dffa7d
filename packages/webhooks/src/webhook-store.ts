import { defineScript, readPage, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { digestOf } from "@darkroom/generations";
import { decodeDelivery, type WebhookDelivery } from "./webhook-delivery.ts";

const create = defineScript(new URL("./scripts/create-delivery.lua", import.meta.url), z.enum(["created", "known"]));

/** Settled deliveries can be looked up and replayed for a month. */
const keptMs = 30 * 24 * 3_600_000;
/** A receiver that answers 410 gets nothing for a week; replaying a delivery asks again at once. */
const offMs = 7 * 24 * 3_600_000;

export type WebhookListOptions = {
  tenant: string;
  status?: WebhookDelivery["status"] | undefined;
  after?: string | undefined;
  limit: number;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
};

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
    list: async ({ tenant, status, after, limit, signal }: WebhookListOptions) =>
      readPage({
        redis,
        index: keys.deliveryIndex(tenant),
        towards: "oldest",
        from: after,
        // The index forgets a delivery by its age, the delivery itself lives longer.
        formerScore: async (id) => {
          const [owner, createdAtMs] = await redis.hmget(keys.delivery(id), "tenant", "createdAtMs");
          return owner === tenant && createdAtMs ? Number(createdAtMs) : null;
        },
        limit,
        recordKey: keys.delivery,
        decode: decodeDelivery,
        filter: status && { fields: ["status"], isWanted: (fields) => fields["status"] === status },
        signal,
      }),
  };
}

export type WebhookStore = ReturnType<typeof createWebhookStore>;
