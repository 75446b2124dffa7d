import { setTimeout as pause } from "node:timers/promises";

/** How often each api is asked whether it is ready, in milliseconds. A balancer notices well within SHUTDOWN_DELAY_MS. */
const probeEveryMs = 100;

/** A probe without an answer for so long says nothing: what was known of the api stands. */
const probeWithinMs = 2_000;

/** What an api says of itself, the best first. One that is not ready answers, if need be with a 503, and one that is gone refuses. */
const states = ["ready", "unready", "gone"] as const;
type Health = (typeof states)[number];

/**
 * A balancer as an operator has one: it asks each api whether it is ready, and sends new requests to those that are. An api may be replaced by
 * another at the same address.
 */
export function startBalancer(origins: readonly string[]) {
  const health = new Map<string, Health>(origins.map((origin) => [origin, "ready"]));
  const over = new AbortController();

  async function watch(origin: string): Promise<void> {
    while (!over.signal.aborted) {
      health.set(origin, (await probe(origin)) ?? health.get(origin) ?? "ready");
      await pause(probeEveryMs);
    }
  }
  const watching = Promise.all(origins.map(watch));

  return {
    /** Where the next request goes. */
    next: (): string => {
      const best = states
        .map((wanted) => origins.filter((origin) => health.get(origin) === wanted))
        .find((some) => some.length > 0);
      return best?.[Math.floor(Math.random() * best.length)] ?? "";
    },

    /** Whether it sends requests to this api. */
    has: (origin: string): boolean => health.get(origin) === "ready",

    stop: async (): Promise<void> => {
      over.abort();
      await watching;
    },
  };
}

async function probe(origin: string): Promise<Health | undefined> {
  try {
    const answer = await fetch(`${origin}/readyz`, { signal: AbortSignal.timeout(probeWithinMs) });
    await answer.arrayBuffer();
    return answer.ok ? "ready" : "unready";
  } catch (error) {
    return error instanceof Error && error.name === "TimeoutError" ? undefined : "gone";
  }
}
