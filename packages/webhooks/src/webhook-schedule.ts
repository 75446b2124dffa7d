const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** The pauses before each attempt that the Standard Webhooks specification suggests: ten attempts in a good three days. */
const pausesMs = [
  0,
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];

/** A tenth up or down, so that deliveries that failed together do not come back together. */
const jitter = 0.1;

/**
 * How many milliseconds to wait before attempt number `attempt`, counted from 1 and from the end of the attempt before; null where
 * there is none left. `random` gives numbers from 0 to 1.
 */
export function webhookSchedule(attempt: number, random: () => number): number | null {
  const pauseMs = pausesMs[attempt - 1];
  return pauseMs === undefined ? null : Math.round(pauseMs * (1 + jitter * (2 * random() - 1)));
}
