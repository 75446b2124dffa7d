import { InvalidArgumentError } from "@commander-js/extra-typings";

export { formatDollars } from "@darkroom/contracts";

/** Dollars as a person types them, in micros. Read digit by digit: 0.29 times a million is not 290000 everywhere. */
export function parseDollars(text: string): number {
  const [, whole, decimals = ""] = /^\$?(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (whole === undefined) throw new InvalidArgumentError("Dollars look like 12.50, with at most six decimals.");
  return Number(whole + decimals.padEnd(6, "0"));
}
