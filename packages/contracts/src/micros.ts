import { z } from "zod";

/** Integer millionths of a dollar: money is never a float. A thousand million dollars is above anything that is billed here. */
export const microsSchema = z.int().min(0).max(1_000_000_000_000_000);
