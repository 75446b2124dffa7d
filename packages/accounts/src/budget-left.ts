import type { Budget } from "@darkroom/contracts";
import type { AccountUsage } from "./account-usage.ts";

/** How much more a key may spend and reserve, in micros: of the tightest of its budgets. Null where it has none. */
export function budgetLeft(budget: Budget, { spent, reserved }: AccountUsage): number | null {
  const left = (["day", "month", "total"] as const).flatMap((time) => {
    const limit = budget[time];
    return limit === null ? [] : [limit - spent[time] - reserved];
  });
  return left.length === 0 ? null : Math.max(0, Math.min(...left));
}
