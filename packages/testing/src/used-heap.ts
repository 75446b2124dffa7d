import { setImmediate as nextTurn } from "node:timers/promises";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** How many bytes of the heap are in use once all garbage is collected. */
export async function usedHeapBytes(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  // What is only referred to weakly lives to the end of a turn, and its finalizers hold more.
  for (let times = 0; times < 2; times++) {
    await nextTurn();
    if (typeof collect === "function") collect();
  }
  return getHeapStatistics().used_heap_size;
}
