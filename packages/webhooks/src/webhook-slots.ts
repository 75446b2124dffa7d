/** A tenant may hold a quarter of the slots that are free: at most a fifth of all, and fewer the more tenants hold some, one at least. */
const divisor = 4;

/** What a worker's slots are held by. */
export type WebhookSlots = {
  free: () => number;
  /** The part of the free slots that one tenant may hold, as its divisor. */
  divisor: number;
  perOrigin: number;
  /** Slots by tenant and by origin. One that holds none is not there. */
  byTenant: ReadonlyMap<string, number>;
  byOrigin: ReadonlyMap<string, number>;
  hold(by: { tenant: string; origin: string }): void;
  release(by: { tenant: string; origin: string }): void;
};

/**
 * The slots of one worker: how many webhooks it posts at a time. They are counted by worker and not in Redis, so that a worker that dies
 * leaves none held, and a fleet posts more the more workers it has.
 *
 * @param perOrigin a receiver that hangs holds no more than those
 */
export function createWebhookSlots(slots: number, perOrigin: number): WebhookSlots {
  const byTenant = new Map<string, number>();
  const byOrigin = new Map<string, number>();
  let held = 0;

  return {
    free: () => slots - held,
    divisor,
    perOrigin,
    byTenant,
    byOrigin,
    hold({ tenant, origin }) {
      held++;
      change(byTenant, tenant, 1);
      change(byOrigin, origin, 1);
    },
    release({ tenant, origin }) {
      held--;
      change(byTenant, tenant, -1);
      change(byOrigin, origin, -1);
    },
  };
}

function change(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
