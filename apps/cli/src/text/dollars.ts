import { InvalidArgumentError } from "@commander-js/extra-typings";

/** Micros as a person reads them: `$0.04`, `$12.50`, `$0.000005`. As many decimals as there are, and at least two. */
export function formatDollars(micros: number): string {
  const digits = String(micros).padStart(7, "0");
  return `$${digits.slice(0, -6)}.${digits.slice(-6).replace(/0{1,4}$/, "")}`;
}

/** Dollars as a person types them, in micros. Read digit by digit: 0.29 times a million is not 290000 everywhere. */
export function parseDollars(text: string): number {
  const [, whole, decimals = ""] = /^\$?(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (whole === undefined) throw new InvalidArgumentError("Dollars look like 12.50, with at most six decimals.");
  return Number(whole + decimals.padEnd(6, "0"));
}
