/** Each takes up to a fifth of a millisecond, so that others wait for some three milliseconds at most. */
const usualPerTurn = 16;

/**
 * Begins at most `perTurn` things in one turn of the event loop, in the order in which they were asked for. What comes by the thousand in one
 * moment (heartbeats, waits that time out, connections without a key) takes turns, so that I/O of others is served in between.
 */
export function createEventLoopTurns(perTurn = usualPerTurn) {
  let waiting: (() => void)[] = [];
  let begun = 0;

  function beginNext(): void {
    const next = waiting.slice(0, perTurn);
    waiting = waiting.slice(perTurn);
    begun = next.length;
    if (begun > 0) setImmediate(beginNext);
    for (const begin of next) begin();
  }

  return {
    /** Calls `begin` when it is its turn, which is now where fewer have begun in this turn of the event loop. */
    take(begin: () => void): void {
      if (begun >= perTurn) {
        waiting.push(begin);
        return;
      }
      if (begun === 0) setImmediate(beginNext);
      begun++;
      begin();
    },
  };
}
