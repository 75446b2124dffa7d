/** The last minute in six parts: one scrape more or less often shows the same, and what is over leaves after ten seconds more. */
const parts = 6;
const partMs = 10_000;

/**
 * Sums amounts by name over about the last minute: the part of ten seconds that runs, and the five before it. It holds the names of that time
 * and no others.
 *
 * @param now milliseconds from any beginning, never back
 */
export function createRecentAmounts(now: () => number = () => performance.now()) {
  /** The newest last. */
  let sums: { part: number; byName: Map<string, number> }[] = [];

  function current(): number {
    const part = Math.floor(now() / partMs);
    if ((sums[0]?.part ?? part) <= part - parts) sums = sums.filter((sum) => sum.part > part - parts);
    return part;
  }

  return {
    add(name: string, amount: number): void {
      if (amount <= 0) return;
      const part = current();
      let last = sums.at(-1);
      if (last?.part !== part) {
        last = { part, byName: new Map() };
        sums.push(last);
      }
      last.byName.set(name, (last.byName.get(name) ?? 0) + amount);
    },

    byName(): Map<string, number> {
      current();
      const all = new Map<string, number>();
      for (const { byName } of sums) for (const [name, amount] of byName) all.set(name, (all.get(name) ?? 0) + amount);
      return all;
    },
  };
}
