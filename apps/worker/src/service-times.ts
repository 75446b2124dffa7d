/** The mean follows the latest jobs: each new one counts a fiftieth, and the first fifty count alike. */
const jobsInMean = 50;

/** Creates the means of how long jobs hold a slot of this worker, by lane. */
export function createServiceTimes() {
  const means = new Map<string, { jobs: number; ms: number }>();
  return {
    /** Counts a job that has held a slot of its lane for so many milliseconds. */
    observe(lane: string, ms: number): void {
      const { jobs, ms: mean } = means.get(lane) ?? { jobs: 0, ms: 0 };
      const counted = Math.min(jobs + 1, jobsInMean);
      means.set(lane, { jobs: counted, ms: mean + (ms - mean) / counted });
    },

    /** How long a job of the lane holds its slot, in whole milliseconds; null where none has ended yet. */
    meanMs(lane: string): number | null {
      const mean = means.get(lane);
      return mean === undefined ? null : Math.round(mean.ms);
    },
  };
}

export type ServiceTimes = ReturnType<typeof createServiceTimes>;
