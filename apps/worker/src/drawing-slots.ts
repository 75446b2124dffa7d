import type { Work } from "@darkroom/generations";
import type { TenantAmounts } from "@darkroom/runtime";

/** Counts the generations that this worker works on, by tenant: each has a slot of its lane for as long as its work lasts. */
export function createDrawingSlots() {
  const held = new Map<string, number>();

  return {
    byTenant: (): TenantAmounts => held,

    /** Returns `work`, counted. */
    counted(work: Work): Work {
      return async (attempt) => {
        const { tenant } = attempt.record;
        held.set(tenant, (held.get(tenant) ?? 0) + 1);
        try {
          return await work(attempt);
        } finally {
          const left = (held.get(tenant) ?? 0) - 1;
          if (left > 0) held.set(tenant, left);
          else held.delete(tenant);
        }
      };
    },
  };
}
