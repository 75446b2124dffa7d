import { createHash } from "node:crypto";

/** The rates of tenants, the largest first, of which the nth has a share in proportion to `1 / n ** exponent`. They add up to `perSecond`. */
export function tenantRates(options: { tenants: number; exponent: number; perSecond: number }): number[] {
  const { tenants, exponent, perSecond } = options;
  const shares = Array.from({ length: tenants }, (_, n) => 1 / (n + 1) ** exponent);
  const sum = shares.reduce((all, share) => all + share, 0);
  return shares.map((share) => (share / sum) * perSecond);
}

/** A cell for each tenant from a table that an operator keeps: the largest tenants first, each into the cell that has least. */
export function placeByTable(rates: readonly number[], loads: readonly number[]): number[] {
  const loadOf = [...loads];
  return rates.map((rate) => {
    const cell = loadOf.indexOf(Math.min(...loadOf));
    loadOf[cell] = (loadOf[cell] ?? 0) + rate;
    return cell;
  });
}

/** A cell for each tenant by the hash of its name, which needs no table and does not know rates (rendezvous hashing). */
export function placeByHash(tenants: number, cells: number): number[] {
  return Array.from({ length: tenants }, (_, tenant) => {
    const scores = Array.from({ length: cells }, (__, cell) =>
      createHash("sha256").update(`${tenant}/${cell}`).digest().readUIntBE(0, 6),
    );
    return scores.indexOf(Math.max(...scores));
  });
}

/** What each cell has. */
export function loadsOf(rates: readonly number[], cellOf: readonly number[], cells: number): number[] {
  const loads = Array.from({ length: cells }, () => 0);
  for (const [tenant, rate] of rates.entries()) {
    const cell = cellOf[tenant] ?? 0;
    loads[cell] = (loads[cell] ?? 0) + rate;
  }
  return loads;
}
