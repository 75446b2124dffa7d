/** Enough for any test, and a bound for a process that runs for weeks. */
const maxRemembered = 10_000;

/** Counts the calls of each generation within this process: the first is 1. The oldest generations are forgotten. */
export function countedTurns(): (generationId: string) => number {
  const turns = new Map<string, number>();
  return (generationId) => {
    const turn = (turns.get(generationId) ?? 0) + 1;
    turns.delete(generationId);
    turns.set(generationId, turn);
    const [oldest] = turns.keys();
    if (turns.size > maxRemembered && oldest !== undefined) turns.delete(oldest);
    return turn;
  };
}
