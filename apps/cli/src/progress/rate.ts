/** How far back a rate looks: long enough to be steady, short enough to follow a change. */
const windowMs = 30_000;

export type Rate = {
  /** How many were done at this moment. */
  add: (done: number) => void;
  /** Over the last thirty seconds; undefined until it can be said. */
  perSecond: () => number | undefined;
};

/** Measures how many of something are done in a second. */
export function createRate(now: () => number): Rate {
  const samples: { atMs: number; done: number }[] = [];
  return {
    add: (done) => {
      const atMs = now();
      samples.push({ atMs, done });
      while ((samples[1]?.atMs ?? atMs) < atMs - windowMs) samples.shift();
    },
    perSecond: () => {
      const [first] = samples;
      const last = samples.at(-1);
      if (first === undefined || last === undefined || last.atMs === first.atMs) return undefined;
      return ((last.done - first.done) * 1000) / (last.atMs - first.atMs);
    },
  };
}
