import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Enough to keep a line busy, and not so many that a store takes it for an attack. */
export const usualConcurrency = 8;

/** How many images are fetched at a time. */
export function parseConcurrency(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number from 1 to 99.");
}
