/** Micros as a person reads them: `$0.04`, `$12.50`, `$0.000005`. As many decimals as there are, and at least two. Never a float. */
export function formatDollars(micros: number | bigint): string {
  const digits = String(micros).padStart(7, "0");
  return `$${digits.slice(0, -6)}.${digits.slice(-6).replace(/0{1,4}$/, "")}`;
}
