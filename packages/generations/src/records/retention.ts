/** How long things are kept, in milliseconds. */
export type Retention = {
  /** The record and the images of a generation after it ended. */
  recordsMs: number;
  /**
   * How long an idempotency key stands for its generation after the generation has ended; before, it always does. No longer than records,
   * because a claim without a record is useless.
   */
  claimsMs: number;
  /** How long it is known that a generation existed, after its record was dropped. */
  tombstonesMs: number;
};
