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
