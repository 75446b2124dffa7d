import { z } from "zod";

/** A day of UTC, as a parameter. */
export const daySchema = z.iso
  .date("must be a day of UTC like 2026-11-22")
  // Before Darkroom there was none, and far from it days are no longer ten characters.
  .refine((day) => day >= "2000-01-01", "must be a day of UTC from 2000-01-01 on");
