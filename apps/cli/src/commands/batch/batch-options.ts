import { InvalidArgumentError } from "@commander-js/extra-typings";
import { createBatchSchema } from "@darkroom/contracts";

/** `24h` and the like, as the API takes it. */
export function parseWindow(text: string): string {
  const { success, error } = createBatchSchema.shape.completion_window.safeParse(text);
  if (!success) throw new InvalidArgumentError(`It ${error.issues[0]?.message}.`);
  return text;
}

/** One more pair of `name=value`. */
export function parseMetadata(text: string, pairs: Record<string, string> = {}): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("It must look like name=value.");
  const all = { ...pairs, [name]: value };
  const { success, error } = createBatchSchema.shape.metadata.safeParse(all);
  if (!success) throw new InvalidArgumentError(`It ${error.issues[0]?.message}.`);
  return all;
}

/** Enough to keep a line busy, and not so many that a store takes it for an attack. */
export const usualConcurrency = 8;

/** How many images are fetched at a time. */
export function parseConcurrency(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number from 1 to 99.");
}
