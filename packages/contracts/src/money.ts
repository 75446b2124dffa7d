import { z } from "zod";

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

/** Integer millionths of a dollar: money is never a float. A thousand million dollars is above anything that is billed here. */
export const microsSchema = z.int().min(0).max(1_000_000_000_000_000);

/** Micros as a person reads them: `$0.04`, `$12.50`, `$0.000005`. As many decimals as there are, and at least two. Never a float. */
export function formatDollars(micros: number | bigint): string {
  const digits = String(micros).padStart(7, "0");
  return `$${digits.slice(0, -6)}.${digits.slice(-6).replace(/0{1,4}$/, "")}`;
}
