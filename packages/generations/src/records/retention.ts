/** How long things are kept, in milliseconds. */
export type Retention = {
  /** The record and the images of a generation after it ended. */
  recordsMs: number;
  /**
   * How long an idempotency key stands for its generation after that has ended; before, it does in any case. No longer than records: a
   * claim without a record answers nothing.
   */
  claimsMs: number;
  /** That there once was a generation, after its record was dropped. */
  tombstonesMs: number;
};
