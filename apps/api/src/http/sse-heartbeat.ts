import { createEventLoopTurns } from "@darkroom/runtime";
import { heartbeat, heartbeatEveryMs } from "./event-stream.ts";

/** The heartbeats of one answer. However often its waits are interrupted, no more than `everyMs` passes without a beat. */
export type SseHeartbeat = {
  /** Heartbeats until the promise settles; returns what it resolves with, throws what it rejects with. */
  until<T>(promise: Promise<T>): AsyncGenerator<string, T, void>;
};

type Waiting = { dueAtMs: number; beat: () => void };

/** Beats come by as much of their interval too early. */
const steps = 12;

/** The heartbeats of all answers of a process, from one timer: a timer for each of thousands of waits takes a good part of a core. */
export function createHeartbeats(everyMs = heartbeatEveryMs) {
  const stepMs = Math.max(1, everyMs / steps);
  const waiting = new Set<Waiting>();
  const turns = createEventLoopTurns();
  let timer: NodeJS.Timeout | undefined;

  function step(): void {
    const untilMs = performance.now() + stepMs;
    for (const { dueAtMs, beat } of waiting) if (dueAtMs <= untilMs) turns.take(beat);
  }

  function add(entry: Waiting): void {
    waiting.add(entry);
    timer ??= setInterval(step, stepMs);
  }

  function remove(entry: Waiting): void {
    waiting.delete(entry);
    if (waiting.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    /** Begins the heartbeats of one answer. `beat` is what is written each time. */
    begin(beat = heartbeat): SseHeartbeat {
      let dueAtMs = performance.now() + everyMs;
      return {
        async *until<T>(promise: Promise<T>) {
          let due = Promise.withResolvers<void>();
          let isSettled = false;
          const settle = () => {
            isSettled = true;
            due.resolve();
          };
          // One listener for all beats. `Promise.race` would leave one for each of them, 260 bytes, until the promise settles.
          promise.then(settle, settle);
          for (;;) {
            const entry = { dueAtMs, beat: () => due.resolve() };
            add(entry);
            await due.promise.finally(() => remove(entry));
            if (isSettled) return await promise;
            dueAtMs = performance.now() + everyMs;
            // Before the beat: the promise may settle while it is written.
            due = Promise.withResolvers();
            yield beat;
          }
        },
      };
    },
  };
}

export type Heartbeats = ReturnType<typeof createHeartbeats>;
