/** A tenant may hold a quarter of the slots that are free: at most a fifth of all, and fewer the more tenants hold some, one at least. */
const divisor = 4;

/**
 * The most slots of a worker that an origin gets that takes webhooks well. Where it answers after 200 ms these are 160 webhooks a second,
 * more than a worker ends generations.
 */
const mostPerOrigin = 32;
/** An origin that accepts a webhook within this time, in milliseconds, gets one slot more. */
const quickMs = 1_000;
/** An origin that takes longer, in milliseconds, has what it had at first: the time that an address that hung is given. */
const slowMs = 3_000;

type Holder = { tenant: string; origin: string };

/** What a worker's slots are held by. */
export type WebhookSlots = {
  free: () => number;
  /** The part of the free slots that one tenant may hold, as its divisor. */
  divisor: number;
  perOrigin: number;
  /** Slots by tenant. One that holds none is not there. */
  byTenant: ReadonlyMap<string, number>;
  /**
   * Slots by origin, as if each could hold `perOrigin`: fewer, also less than zero, where it may hold more. An origin that holds none and has
   * no more than the others is not there.
   */
  byOrigin: () => ReadonlyMap<string, number>;
  hold(by: Holder): void;
  release(by: Holder): void;
  /** Notes how an origin took a webhook: whether it accepted it, and after how long, in milliseconds. */
  noteAnswer(by: Holder, answer: { isAccepted: boolean; afterMs: number }): void;
  /** Has origins that hold no slot begin with `perOrigin` again. Call it when those that wait have got their slots. */
  forgetIdle(): void;
};

/**
 * The slots of one worker: how many webhooks it posts at a time. They are counted by worker and not in Redis, so that a worker that dies
 * leaves none held, and a fleet posts more the more workers it has.
 *
 * An origin begins with few slots, so that one that hangs holds no more than those. Each webhook that it accepts quickly gives it one more, and
 * the first that it does not accept, or takes long for, takes them away. So a single receiver gets webhooks as fast as generations end.
 *
 * @param perOrigin how many slots an origin has at first
 */
export function createWebhookSlots(slots: number, perOrigin: number): WebhookSlots {
  const byTenant = new Map<string, number>();
  const held = new Map<string, number>();
  /** How many slots an origin may hold beyond `perOrigin`. */
  const extra = new Map<string, number>();
  let holders = 0;

  return {
    free: () => slots - holders,
    divisor,
    perOrigin,
    byTenant,
    byOrigin() {
      const counts = new Map(held);
      for (const [origin, more] of extra) counts.set(origin, (held.get(origin) ?? 0) - more);
      return counts;
    },
    hold({ tenant, origin }) {
      holders++;
      change(byTenant, tenant, 1);
      change(held, origin, 1);
    },
    release({ tenant, origin }) {
      holders--;
      change(byTenant, tenant, -1);
      change(held, origin, -1);
    },
    noteAnswer({ origin }, { isAccepted, afterMs }) {
      if (!isAccepted || afterMs >= slowMs) extra.delete(origin);
      else if (afterMs < quickMs && perOrigin + (extra.get(origin) ?? 0) < mostPerOrigin) change(extra, origin, 1);
    },
    forgetIdle() {
      for (const origin of extra.keys()) if (!held.has(origin)) extra.delete(origin);
    },
  };
}

function change(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
