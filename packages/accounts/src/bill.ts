/** What an ending came to. */
export type Bill = {
  /** Images that were delivered. */
  images: number;
  inputTokens: number;
  outputTokens: number;
  /** What the tenant pays, in micros; null where a price is missing. Never more than was reserved. */
  costMicros: number | null;
  /** What the provider charges, in micros; null where the operator has not configured it. */
  providerCostMicros: number | null;
};

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
