import type { Bill } from "@darkroom/contracts";

/** The bill as `ledger.lua` reads it. */
export const billArgument = (bill: Bill, provider: string): string =>
  [
    bill.images,
    bill.inputTokens,
    bill.outputTokens,
    bill.costMicros ?? "-",
    bill.providerCostMicros ?? "-",
    provider,
  ].join(" ");

/** Of an ending that delivered nothing. Nobody knows what the provider charges for an attempt that runs. */
export const nothingDelivered = "";

/** Of one whose last attempt the provider charges nothing for. `undelivered.lua` reads it, too. */
export const nothingCharged = "0 0 0 0 0 -";
