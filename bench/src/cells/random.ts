/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The time to the next event of a Poisson process, in seconds. */
export const exponential = (random: () => number, mean: number): number => -Math.log(1 - random()) * mean;

/** A time of a provider: log-normal, of this mean and with a standard deviation of `variation` times the mean. */
export function logNormal(random: () => number, { mean, variation }: { mean: number; variation: number }): number {
  const sigmaSquared = Math.log(1 + variation ** 2);
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return mean * Math.exp(Math.sqrt(sigmaSquared) * normal - sigmaSquared / 2);
}
