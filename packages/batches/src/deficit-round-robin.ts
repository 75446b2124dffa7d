/** A batch that has lines to feed, as the window is shared. */
export type Contender = {
  tenant: string;
  batchId: string;
  /** How many lines of it are on the lane. */
  outstanding: number;
  /** How many images each of its next lines asks for, in their order; as many as may be fed in one round. */
  next: readonly number[];
};

export type WindowOptions = {
  /** How many lines may be on the lane, all batches together. */
  window: number;
  /** How many images a tenant may feed in its turn: the most that one line can ask for, or more. */
  quantum: number;
  /** How many lines a tenant may have on the lane even where others fill it, so that it gets a turn at once. */
  floor: number;
};

/** Stands for the next lines of a batch that is not `reachable`, where only their existence matters. */
export const unknownLines: readonly number[] = [1];

/**
 * The batches whose next lines must be known to share the window: for each tenant those with the fewest lines on the lane, as many as the
 * tenant can be fed lines. So a round reads only the lines that it feeds, and not some of each of a thousand batches.
 */
export function reachable(
  contenders: readonly (Omit<Contender, "next"> & { hasMore: boolean })[],
  { window, floor }: Pick<WindowOptions, "window" | "floor">,
): Set<string> {
  const sumOf = (batches: typeof contenders) => batches.reduce((sum, { outstanding }) => sum + outstanding, 0);
  const free = window - sumOf(contenders);
  const tenants = Map.groupBy(contenders, ({ tenant }) => tenant);
  return new Set(
    [...tenants.values()].flatMap((batches) =>
      batches
        .filter(({ hasMore }) => hasMore)
        .toSorted((a, b) => a.outstanding - b.outstanding)
        .slice(0, Math.max(free, floor - sumOf(batches), 0))
        .map(({ batchId }) => batchId),
    ),
  );
}

/**
 * The tenants in the order of their turns, and the deficit of each: how many images it may still feed in its turn. It is kept from round to
 * round, so that a turn that ended because the window was full continues when there is room.
 */
export type Turns = Map<string, { saved: number; inTurn: boolean }>;

/**
 * Computes how many lines of each batch are fed now. Deficit round robin (Shreedhar and Varghese 1995): tenants take turns, and each line
 * weighs as much as it has images. Within a tenant the batch with the fewest lines on the lane comes first. So a batch of 50,000 lines
 * gets what the others leave, and two tenants that both have more to feed get half each.
 *
 * @param turns changed here. A tenant with nothing left to feed loses its deficit.
 */
export function deficitRoundRobin(
  contenders: readonly Contender[],
  { window, quantum, floor }: WindowOptions,
  turns: Turns,
): Map<string, number> {
  const shares = new Map<string, number>();
  let free = window - contenders.reduce((sum, { outstanding }) => sum + outstanding, 0);
  const tenants = new Map(
    [...Map.groupBy(contenders, ({ tenant }) => tenant)].map(([tenant, batches]) => [
      tenant,
      {
        outstanding: batches.reduce((sum, { outstanding }) => sum + outstanding, 0),
        batches: batches
          .filter(({ next }) => next.length > 0)
          .map(({ batchId, outstanding, next }) => ({ batchId, outstanding, next, taken: 0 })),
      },
    ]),
  );
  for (const tenant of turns.keys()) if ((tenants.get(tenant)?.batches.length ?? 0) === 0) turns.delete(tenant);
  for (const [tenant, { batches }] of tenants) {
    if (batches.length > 0 && !turns.has(tenant)) turns.set(tenant, { saved: 0, inTurn: false });
  }

  const mayFeed = (tenant: string) => free > 0 || (tenants.get(tenant)?.outstanding ?? 0) < floor;
  for (;;) {
    const tenant = [...turns.keys()].find(mayFeed);
    const turn = tenant === undefined ? undefined : turns.get(tenant);
    const one = tenant === undefined ? undefined : tenants.get(tenant);
    if (tenant === undefined || turn === undefined || one === undefined) return shares;
    if (!turn.inTurn) turn.saved += quantum;
    turn.inTurn = true;
    while (mayFeed(tenant)) {
      const batch = leastOutstanding(one.batches);
      const images = batch?.next[batch.taken];
      if (batch === undefined || images === undefined || images > turn.saved) break;
      turn.saved -= images;
      batch.taken++;
      batch.outstanding++;
      one.outstanding++;
      free--;
      shares.set(batch.batchId, batch.taken);
      if (batch.taken === batch.next.length) one.batches = one.batches.filter((other) => other !== batch);
    }
    const [next] = one.batches;
    if (next === undefined) turns.delete(tenant);
    else if (mayFeed(tenant)) {
      // Its next line exceeds its deficit, so the next tenant has its turn.
      turns.delete(tenant);
      turns.set(tenant, { saved: turn.saved, inTurn: false });
    }
  }
}

/** The first of the batches with the fewest lines on the lane. */
function leastOutstanding<T extends { outstanding: number }>(batches: readonly T[]): T | undefined {
  let least = batches[0];
  for (const batch of batches) if (least === undefined || batch.outstanding < least.outstanding) least = batch;
  return least;
}
