import { startLoad } from "../load/start-load.ts";
import type { Target } from "../load/load-plan.ts";
import type { NeighbourStack } from "./neighbour.ts";

/** Longer than any measurement here; `stop` ends it before. */
const atMostMs = 600_000;

/**
 * Repeats requests over so many connections, each as soon as the last one is answered, in a process of its own. Resolves with the
 * function that ends it, which says how many were answered.
 */
export async function repeatRequests(
  { tell }: Pick<NeighbourStack, "tell">,
  targets: readonly Target[],
  connections: number,
): Promise<() => Promise<void>> {
  const count = Number.MAX_SAFE_INTEGER;
  const load = await startLoad({ targets, warmUp: connections, count, atMostMs, pace: { callers: connections } });
  const done = load.go();
  return async () => {
    load.stop();
    const { results, elapsedMs } = await done;
    for (const { name, answered, failed, p50Ms } of results) {
      const perSecond = Math.round((answered * 1_000) / elapsedMs);
      tell(`${name}: ${answered} answered (${perSecond} a second, p50 ${p50Ms} ms), ${failed} refused or failed`);
    }
  };
}
