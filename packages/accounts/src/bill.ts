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

/** Of an ending that delivered nothing, and costs nothing. */
export const nothingDelivered = "";
