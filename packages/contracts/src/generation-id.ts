import { randomFillSync } from "node:crypto";

/** Crockford's base 32, lower case: no i, l, o, u, and its characters sort as their values do. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/** Random bytes for ids to come: asking the system for sixteen takes as long as asking it for thousands. */
const pool = Buffer.alloc(4_096);
let used = pool.length;

function randomBytes(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}

/**
 * A new generation id: `gen_`, ten characters of milliseconds and sixteen random ones, as a ULID has them
 * (https://github.com/ulid/spec), so that ids sort by time of submission and cannot be guessed (80 random bits).
 */
export function newGenerationId(nowMs: number): string {
  let time = "";
  for (let rest = nowMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  let random = "";
  // 256 is a multiple of 32, so the low five bits of a random byte are uniform.
  for (const byte of randomBytes(16)) random += alphabet[byte & 31];
  return `gen_${time}${random}`;
}

export const isGenerationId = (text: string): boolean => /^gen_[0-9a-hjkmnp-tv-z]{26}$/.test(text);
