import { TimeHeap } from "./time-heap.ts";

export type SimulatedCell = ReturnType<typeof createSimulatedCell>;

export type SimulatedCellOptions = {
  workers: number;
  /** Calls at a time of a worker. */
  concurrency: number;
  /** How long a call takes, in seconds. Is asked at the start of each. */
  callSeconds: () => number;
  /** Is told of each start: when, and how long its job had waited, in seconds. */
  onStart: (atSeconds: number, waitedSeconds: number) => void;
};

/**
 * One installation as a queue: jobs in the order of their arrival, and a slot for each call. All times are seconds of the simulation, and none goes
 * back. Redis, api and store take no time in it.
 */
export function createSimulatedCell({ workers, concurrency, callSeconds, onStart }: SimulatedCellOptions) {
  const running = new TimeHeap();
  let waiting: number[] = [];
  let first = 0;
  let count = workers;

  function start(atSeconds: number): void {
    const arrivedAt = waiting[first];
    if (arrivedAt === undefined) return;
    first++;
    if (first > 10_000 && first * 2 > waiting.length) {
      waiting = waiting.slice(first);
      first = 0;
    }
    onStart(atSeconds, atSeconds - arrivedAt);
    running.push(atSeconds + callSeconds());
  }

  const fill = (atSeconds: number): void => {
    while (first < waiting.length && running.size < count * concurrency) start(atSeconds);
  };

  return {
    /** Ends all calls that are over by this time, and begins others in their place. */
    advance(toSeconds: number): void {
      for (let endsAt = running.earliest; endsAt <= toSeconds; endsAt = running.earliest) {
        running.pop();
        fill(endsAt);
      }
    },
    /** Once it was advanced to the time. */
    submit(atSeconds: number): void {
      waiting.push(atSeconds);
      fill(atSeconds);
    },
    /** Workers that are taken away finish their calls. */
    scaleTo(workersNow: number, atSeconds: number): void {
      count = workersNow;
      fill(atSeconds);
    },
    workers: () => count,
    waiting: () => waiting.length - first,
    active: () => running.size,
  };
}
