import { createHash } from "node:crypto";

/** A source of numbers that look random and are always the same for the same text and seed. */
export type Dice = {
  /** From `low` up to, not including, `high`. */
  between(low: number, high: number): number;
  pick<T>(choices: readonly [T, ...T[]]): T;
};

/** Numbers from the SHA-256 of text and seed, continued with mulberry32, a 32-bit generator that fits in five lines. */
export function createDice(text: string, seed: number): Dice {
  let state = createHash("sha256").update(text).update("\0").update(String(seed)).digest().readUInt32LE(0);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    between: (low, high) => low + next() * (high - low),
    pick: (choices) => choices[Math.floor(next() * choices.length)] ?? choices[0],
  };
}
