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

/** Of an ending that delivered nothing, and costs nothing. Where it was begun, nobody knows what the provider charges for it. */
export const nothingDelivered = "";

/** Of one that was begun, and for which the provider charges nothing. */
export const nothingCharged = "0 0 0 0 0 -";
