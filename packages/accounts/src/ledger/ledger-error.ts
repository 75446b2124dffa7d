/**
 * `day_not_over`: the operation needs a day that is over. `broken`: a line is not an entry. `missing`: the store lacks a segment that was
 * written according to Redis, or all segments of a day that has aggregates.
 */
export type LedgerFault = "day_not_over" | "broken" | "missing";

/** The ledger of a day cannot be used. The message is for the operator: it says what is wrong, where, and what to do. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";
  readonly fault: LedgerFault;

  constructor(fault: LedgerFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}
