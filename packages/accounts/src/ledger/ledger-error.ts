/**
 * `day_not_over`: the day still grows, and what was asked needs one that does not. `broken`: a line is no entry. `missing`: the store
 * lacks a segment that Redis knows was written, or all of a day that has aggregates.
 */
export type LedgerFault = "day_not_over" | "broken" | "missing";

/** The ledger of a day cannot be used as asked. The message is for the operator: it says what is wrong where, and what to do. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";
  readonly fault: LedgerFault;

  constructor(fault: LedgerFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}
