import { z } from "zod";
import { endings } from "./ending.ts";
import { microsSchema } from "./money.ts";

/**
 * One line of the ledger: what one ending came to. A generation that is retried ends more than once, so an entry is named by the
 * generation and the version of its record. Written by the script that sets the ending, and never changed.
 */
export const ledgerEntrySchema = z.object({
  /** `{generation}:{version}`: no two entries share it. */
  id: z.string(),
  generation: z.string(),
  status: z.enum(endings),
  tenant: z.string(),
  key_id: z.string(),
  model: z.string(),
  /** The adapter that served it; null where nothing was delivered. */
  provider: z.string().nullable(),
  /** Images that were delivered. */
  images: z.int(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  /**
   * What the tenant is billed, in micros; null where a price is missing. Nothing delivered costs 0, unless BILL_UNDELIVERED says that what
   * a provider may have charged for is billed.
   */
  cost: microsSchema.nullable(),
  /**
   * What was taken of the key's budget beyond `cost`, in micros: what was reserved, where a provider may have charged for something that
   * was not delivered, or where a price is missing. Entries of releases that did not know of it have none.
   */
  unbilled: microsSchema.default(0),
  /**
   * What the provider charges, by the prices that the operator configured for it: for what was delivered, and with it for what it has
   * probably drawn beside that. Null where no prices are configured, and where an attempt delivered nothing and may be charged: canceled
   * while it ran, or broken off after it was sent. Not begun: 0.
   */
  provider_cost: microsSchema.nullable(),
  /** Unix milliseconds, by the clock of Redis. */
  created_at_ms: z.int(),
  ended_at_ms: z.int(),
});
export type LedgerEntry = z.infer<typeof ledgerEntrySchema>;
