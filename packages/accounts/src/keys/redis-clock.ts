/** The clock of Redis as a process keeps it: told now and then, and going on by itself in between. */
export type RedisClock = {
  /** Takes the time that Redis has just told, in Unix milliseconds. */
  set(timeMs: number): void;
  /** Unix milliseconds, behind Redis by the way of its answer at most. */
  nowMs(): number;
};

/** @param elapsedMs milliseconds since any moment, by a clock that nobody sets: one that is wrong or jumps must end no key */
export function createRedisClock(elapsedMs: () => number): RedisClock {
  let startMs = 0;
  return {
    set: (timeMs) => void (startMs = timeMs - elapsedMs()),
    nowMs: () => startMs + elapsedMs(),
  };
}
