/** With as many slots, at the same share of use, a job waits for no time that matters. More are not counted one by one. */
const mostCounted = 100_000;

/**
 * How long a job waits for a free slot in the mean, in seconds: Erlang's formula for Poisson arrivals and exponential service times (M/M/c).
 * Times of providers vary less than exponential ones, so real jobs wait less. Infinity where jobs come faster than slots become free.
 */
export function meanWaitForSlotSeconds(queue: { perSecond: number; serviceSeconds: number; slots: number }): number {
  const used = (queue.perSecond * queue.serviceSeconds) / queue.slots;
  if (used >= 1) return Number.POSITIVE_INFINITY;
  if (used === 0) return 0;
  const slots = Math.min(queue.slots, mostCounted);
  const offered = used * slots;
  // Erlang B by its recursion: the share of jobs that would find all slots taken if none waited.
  let blocked = 1;
  for (let n = 1; n <= slots; n++) blocked = (offered * blocked) / (n + offered * blocked);
  const waits = blocked / (1 - used * (1 - blocked));
  return (waits * queue.serviceSeconds) / (slots - offered);
}
