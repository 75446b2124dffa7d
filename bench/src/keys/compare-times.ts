/** The slowest of each are left out: they tell of interrupts and garbage collections (dudect, https://eprint.iacr.org/2016/1123). */
const kept = 0.95;

/**
 * The median and the 99th percentile of some times, and Welch's t of their mean against that of others: beyond 4.5 either way it is
 * no accident that the two differ.
 */
export function compareTimes(times: readonly number[], others: readonly number[]) {
  const sorted = times.toSorted((a, b) => a - b);
  return {
    "p50 ns": at(sorted, 0.5),
    "p99 ns": at(sorted, 0.99),
    "t against wrong": Math.round(welch(crop(times), crop(others)) * 100) / 100,
  };
}

const at = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;

const crop = (times: readonly number[]): number[] =>
  times.toSorted((a, b) => a - b).slice(0, Math.floor(times.length * kept));

/** Welch's t: the difference of two means, in units of what chance alone makes of it. 0 for a sample and itself. */
function welch(a: readonly number[], b: readonly number[]): number {
  const [one, other] = [momentsOf(a), momentsOf(b)];
  const spread = Math.sqrt(one.variance / a.length + other.variance / b.length);
  return spread === 0 ? 0 : (one.mean - other.mean) / spread;
}

function momentsOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, variance };
}
