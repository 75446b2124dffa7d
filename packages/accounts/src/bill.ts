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

/** Of an ending that delivered nothing. It is unknown what the provider charges for a running attempt. */
export const nothingDelivered = "";

/** Of one whose last attempt the provider charges nothing for. `undelivered.lua` reads it, too. */
export const nothingCharged = "0 0 0 0 0 -";

/**
 * What a tenant is billed for a generation that delivers nothing and that the provider may charge for all the same (canceled while it ran,
 * broken off after it was sent, refused after it was drawn): nothing; what was reserved for it where its owner has canceled it after
 * partial images were shown; or what was reserved for it in any case. Its budget is charged what was reserved, whatever it is billed.
 */
export const billUndelivered = ["none", "partials", "reserved"] as const;
export type BillUndelivered = (typeof billUndelivered)[number];

/** Reads it from a record. One that was written before there was a choice is billed nothing. */
export const readBillUndelivered = (text: string | undefined): BillUndelivered =>
  billUndelivered.find((choice) => choice === text) ?? "none";
