import { defineScript, readPage, readTenantPages, type Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { digestOf } from "@darkroom/generations";
import { registrableHost } from "@darkroom/outbound";
import { decodeDelivery, type WebhookDelivery } from "./webhook-delivery.ts";

const create = defineScript(new URL("./scripts/create-delivery.lua", import.meta.url), z.enum(["created", "known"]));
const revive = defineScript(new URL("./scripts/revive-delivery.lua", import.meta.url), z.enum(["ok", "refused"]));

/** Settled deliveries can be looked up and replayed for a month. */
export const keptMs = 30 * 24 * 3_600_000;
/** A receiver that answers 410 gets nothing for a week; replaying a delivery asks again at once. */
const offMs = 7 * 24 * 3_600_000;
/**
 * Deliveries that wait in line are looked at again after ten minutes, in case the line was lost. A backlog of 16,000 is 27 looks a second
 * then, of some microseconds each.
 */
export const lookAgainMs = 600_000;

/**
 * An address that hung is given its full time again after ten minutes. Only an attempt with the full time renews this: a receiver that
 * answers slowly, and once did not, would otherwise never be given enough time again.
 */
const hungMs = 600_000;

/** What the slots of a delivery are counted by. */
const originOf = (url: string): string => registrableHost(new URL(url));

export type WebhookListOptions = {
  tenant: string;
  status?: WebhookDelivery["status"] | undefined;
  after?: string | undefined;
  limit: number;
  /** The most work of the page: see `readPage`. */
  maxBytes?: number | undefined;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
};

type WebhookListAllOptions = Omit<WebhookListOptions, "tenant" | "maxBytes"> & { tenants: Iterable<string> };

/** Webhook deliveries in Redis, as records. `createDeliveryQueue` has the line that they wait in. */
export function createWebhookStore(redis: Redis, keys: Keys) {
  const offKey = ({ keyId, url }: Pick<WebhookDelivery, "keyId" | "url">) => keys.addressOff(keyId, digestOf(url));
  const hungKey = ({ tenant, url }: Pick<WebhookDelivery, "tenant" | "url">) => keys.addressHung(tenant, originOf(url));

  async function read(id: string): Promise<WebhookDelivery | null> {
    return decodeDelivery(await redis.hgetall(keys.delivery(id)));
  }

  const list = ({ tenant, status, after, limit, maxBytes, signal }: WebhookListOptions) =>
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
      ...(maxBytes !== undefined && { maxBytes }),
      recordKey: keys.delivery,
      decode: decodeDelivery,
      filter: status && { status },
      signal,
    });

  return {
    read,

    /** Writes down that an ending of the outbox is to be told, and puts that in line. Repeating it changes nothing. */
    async create(
      ending: string,
      delivery: Omit<WebhookDelivery, "status" | "attempts" | "origin">,
    ): Promise<"created" | "known"> {
      const { id, tenant, createdAtMs } = delivery;
      const origin = originOf(delivery.url);
      const where = [keys.delivery(id), keys.deliveries, keys.deliveryIndex(tenant), keys.outbox];
      const fields = Object.entries({ ...delivery, origin }).flatMap(([name, value]) =>
        value === undefined ? [] : [name, value],
      );
      return create(
        redis,
        [...where, keys.root],
        [ending, lookAgainMs, id, tenant, origin, createdAtMs, createdAtMs - keptMs, ...fields],
      );
    },

    /** An address answered 410: it is sent nothing more of this API key for a while. */
    switchOff: async (delivery: WebhookDelivery): Promise<void> => {
      await redis.set(offKey(delivery), delivery.id, "PX", offMs);
    },

    /** The address did not answer in time: for a while less time is given to it, and to all of its origin. */
    noteHung: async (delivery: WebhookDelivery): Promise<void> => {
      await redis.set(hungKey(delivery), delivery.id, "PX", hungMs);
    },

    /** The address has answered again. */
    forgetHung: async (delivery: WebhookDelivery): Promise<void> => {
      await redis.del(hungKey(delivery));
    },

    /** Whether the address of a delivery answered 410 before, or did not answer before. */
    async stateOfAddress(delivery: WebhookDelivery): Promise<{ off: boolean; hung: boolean }> {
      const [off, hung] = await redis.mget(offKey(delivery), hungKey(delivery));
      return { off: off !== null, hung: hung !== null };
    },

    /**
     * Makes a settled delivery pending again, with all its attempts, and its address welcome, and puts it in line. False where it is
     * pending or unknown.
     */
    async revive(id: string): Promise<boolean> {
      const delivery = await read(id);
      if (delivery === null) return false;
      const where = [keys.delivery(id), keys.deliveries, offKey(delivery), keys.root];
      return (await revive(redis, where, [id, lookAgainMs])) === "ok";
    },

    /** A tenant's deliveries, newest first. Null when the id to go on from is not one of its own. */
    list,

    /**
     * The deliveries of several tenants, for the operator: tenant after tenant in the order of their names, the newest of each first. Null
     * where `after` is no place to go on from.
     */
    listAll: ({ tenants, status, after, limit, signal }: WebhookListAllOptions) =>
      readTenantPages({
        tenants,
        after,
        limit,
        readTenant: ({ from, ...part }) => list({ ...part, status, after: from, signal }),
      }),
  };
}

export type WebhookStore = ReturnType<typeof createWebhookStore>;
