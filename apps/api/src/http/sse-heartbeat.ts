import { setTimeout as sleep } from "node:timers/promises";
import { heartbeat, heartbeatEveryMs } from "./event-stream.ts";

/** The heartbeats of one answer. However often its waits are interrupted, no more than `everyMs` passes without a `beat`. */
export function createSseHeartbeat(everyMs = heartbeatEveryMs, beat = heartbeat) {
  let dueAtMs = performance.now() + everyMs;

  return {
    /** Heartbeats until the promise settles; returns what it resolves with, throws what it rejects with. */
    async *until<T>(promise: Promise<T>): AsyncGenerator<string, T, void> {
      const settled = promise.then((value) => ({ value }));
      for (;;) {
        const timer = new AbortController();
        const due = sleep(Math.max(0, dueAtMs - performance.now()), undefined, { signal: timer.signal });
        const result = await Promise.race([settled, due.catch(() => undefined)]).finally(() => timer.abort());
        if (result !== undefined) return result.value;
        dueAtMs = performance.now() + everyMs;
        yield beat;
      }
    },
  };
}

export type SseHeartbeat = ReturnType<typeof createSseHeartbeat>;
