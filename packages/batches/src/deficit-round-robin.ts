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
  /** How many images a tenant may have fed before it is the next one's turn: the most that one line can ask for, or more. */
  quantum: number;
  /** How many lines a tenant may have on the lane even where the others fill it: what it needs to get a turn at once. */
  floor: number;
};

/** Stands for the next lines of a batch that is not `reachable`: that there are some is all that is asked of them. */
export const unknownLines: readonly number[] = [1];

/**
 * The batches whose next lines have to be known to share the window: of each tenant those with the fewest lines on the lane, as many as
 * it can be fed lines. So a round reads what it feeds, and not something of each of a thousand batches.
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
 * Whose turn it is, the first one's, and what each may still have fed in its turn, in images. Kept from round to round: a turn that the
 * window cut short goes on when there is room again.
 */
export type Turns = Map<string, { saved: number; inTurn: boolean }>;

/**
 * How many lines of each batch are to be fed now. Deficit round robin (Shreedhar and Varghese 1995): tenants in turn, each line weighed
 * by its images; within a tenant the batch with the fewest lines on the lane comes first. So a batch of 50,000 lines takes what the
 * others leave, and of two tenants that both want more each gets half.
 *
 * @param turns changed here. A tenant with nothing left to feed saves nothing up.
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
      const batch = one.batches.toSorted((a, b) => a.outstanding - b.outstanding)[0];
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
      // Its next line is more than it may still have: it is the next one's turn.
      turns.delete(tenant);
      turns.set(tenant, { saved: turn.saved, inTurn: false });
    }
  }
}
