import { defineScript, type Keys, quarantinePauseMs } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { keptMs, lookAgainMs } from "./webhook-store.ts";
import type { WebhookSlots } from "./webhook-slots.ts";

const script = <Answer>(name: string, schema: z.ZodType<Answer>) =>
  defineScript(new URL(`./scripts/${name}.lua`, import.meta.url), schema);

const strings = z.array(z.string());
const take = script("take-deliveries", z.tuple([z.int(), strings, strings, z.literal([0, 1])]));
const finish = script("finish-delivery", z.enum(["ok", "lost"]));
const renew = script("renew-deliveries", strings);

/** Deliveries that are put in line by one script, some 20 µs each: callers are held up by two milliseconds at most. */
const page = 100;
/** Deliveries that are taken by one script, some 40 µs each. */
const takenAtOnce = 50;

/** What a look for deliveries found. */
export type DeliveryTake = {
  taken: TakenDelivery[];
  /** Ids whose records cannot be read. */
  unreadable: string[];
  /** Whether there is more to do than one script does: look again at once. */
  more: boolean;
  /** Whether deliveries are left in line, which another worker may have slots for. */
  waiting: boolean;
};

/** A delivery that a worker has taken. No other takes it before its lease has ended. */
export type TakenDelivery = {
  id: string;
  tenant: string;
  origin: string;
  /** Which time it was taken. What comes of an earlier take is not believed. */
  take: string;
};

/** What came of an attempt: the delivery is settled, or is to be attempted again. */
export type DeliveryResult = {
  /** `again`: after another pause. `later`: the attempt has not been made. */
  status: "delivered" | "dead" | "off" | "again" | "later";
  /** The pause of `again` and `later`, in milliseconds. */
  pauseMs?: number;
  /** Attempts that were made by now, and what came of the latest, in a sentence. */
  attempts?: number;
  lastAnswer?: string;
};

export type DeliveryQueueOptions = {
  redis: Redis;
  keys: Keys;
  /** How long a delivery is another worker's after this one fell silent, in milliseconds. */
  leaseMs: number;
  /** See `lookAgainMs`. */
  lookAgainAfterMs?: number;
};

/**
 * The line that deliveries wait in until a worker has a slot for them, in Redis. What waits costs nothing: a worker asks for what it has
 * slots for, and names the tenants and origins that have none left.
 *
 * A delivery that is not settled is always on the list `deliveries`, by the time at which to look at it: when its pause ends, when the lease
 * of its worker ends, or after a while where it waits in line. So whatever is lost beside the records is found by time, among all.
 */
export function createDeliveryQueue(options: DeliveryQueueOptions) {
  const { redis, keys, leaseMs, lookAgainAfterMs = lookAgainMs } = options;

  return {
    /** Takes what is due, as far as there are slots. */
    async take(slots: WebhookSlots): Promise<DeliveryTake> {
      const { free, divisor, perOrigin, byTenant, byOrigin } = slots;
      const held = [...byTenant, ...byOrigin()].flat();
      const pauses = [leaseMs, lookAgainAfterMs, quarantinePauseMs];
      const [due, fields, unreadable, waiting] = await take(
        redis,
        [keys.deliveries, keys.root],
        [free(), divisor, perOrigin, ...pauses, page, takenAtOnce, byTenant.size, ...held],
      );
      const taken: TakenDelivery[] = [];
      for (let at = 0; at < fields.length; at += 4) {
        const [id = "", tenant = "", origin = "", number = ""] = fields.slice(at, at + 4);
        taken.push({ id, tenant, origin, take: number });
      }
      return { taken, unreadable, more: due === page || taken.length === takenAtOnce, waiting: waiting === 1 };
    },

    /** Notes what came of a delivery. `lost`: it is another worker's by now, or settled, and nothing was noted. */
    async finish({ id, take: number }: TakenDelivery, result: DeliveryResult): Promise<"ok" | "lost"> {
      const { status, pauseMs = 0, attempts, lastAnswer } = result;
      const ms = status === "again" || status === "later" ? pauseMs : keptMs;
      const fields = Object.entries({ attempts, lastAnswer }).flatMap(([name, value]) =>
        value === undefined ? [] : [name, value],
      );
      const where = [keys.delivery(id), keys.deliveries, keys.root];
      return finish(redis, where, [id, number, status, Math.ceil(ms), ...fields]);
    },

    /** Renews the leases of deliveries that are being posted. Answers those that were lost. */
    async renew<Taken extends TakenDelivery>(held: readonly Taken[]): Promise<Taken[]> {
      if (held.length === 0) return [];
      const names = held.flatMap(({ id, take: number }) => [id, number]);
      const answer = await renew(redis, [keys.deliveries, keys.root], [leaseMs, ...names]);
      const lost = new Set<string>();
      for (let at = 0; at < answer.length; at += 2) lost.add(`${answer[at]} ${answer[at + 1]}`);
      return held.filter(({ id, take: number }) => lost.has(`${id} ${number}`));
    },
  };
}
