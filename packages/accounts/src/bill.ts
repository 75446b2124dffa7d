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

/** The bill of an ending that delivered nothing. What the provider charges for a running attempt is unknown. */
export const nothingDelivered = "";

/** The bill of an ending whose last attempt the provider does not charge for. `undelivered.lua` reads it, too. */
export const nothingCharged = "0 0 0 0 0 -";

/**
 * What a tenant is billed for a generation that delivers nothing although the provider may charge for it (it was canceled while it ran, its
 * call broke off after it was sent, or its image was refused after it was drawn). `none`: nothing. `partials`: the reserved amount, if its
 * owner canceled it after partial images were shown. `reserved`: the reserved amount always. The budget is charged the reserved amount
 * in each case.
 */
export const billUndelivered = ["none", "partials", "reserved"] as const;
export type BillUndelivered = (typeof billUndelivered)[number];

/** Reads it from a record. A record of a release without this setting is billed nothing. */
export const readBillUndelivered = (text: string | undefined): BillUndelivered =>
  billUndelivered.find((choice) => choice === text) ?? "none";
