/** What an ending came to. */
export type Bill = {
  /** Images that were delivered. */
  images: number;
  inputTokens: number;
  outputTokens: number;
  /** What the tenant pays, in micros; null where a price is missing. Never more than was reserved. */
  costMicros: number | null;
  /** What the provider has probably charged, also for what was not delivered, in micros; null where the operator has not configured it. */
  providerCostMicros: number | null;
};
