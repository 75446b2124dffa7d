import { createHash, randomFillSync } from "node:crypto";

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
 * Ten characters of milliseconds and sixteen random ones, as a ULID has them (https://github.com/ulid/spec), so that ids sort by time
 * and cannot be guessed (80 random bits).
 */
function newUlid(nowMs: number): string {
  let time = "";
  for (let rest = nowMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = alphabet[rest % 32] + time;
  let random = "";
  // 256 is a multiple of 32, so the low five bits of a random byte are uniform.
  for (const byte of randomBytes(16)) random += alphabet[byte & 31];
  return time + random;
}

/**
 * The same ULID for the same words, for what may be made twice and then has to replace itself: the time of a batch, and sixteen
 * characters that are made of its id and a name, so that a caller that cannot guess the one cannot guess the other.
 */
export function derivedUlid(batchId: string, name: string): string {
  const digest = createHash("sha256").update(`${batchId} ${name}`).digest();
  let made = "";
  for (const byte of digest.subarray(0, 16)) made += alphabet[byte & 31];
  return batchId.slice("batch_".length, "batch_".length + 10) + made;
}

const ulid = "[0-9a-hjkmnp-tv-z]{26}";
const generationId = new RegExp(`^gen_${ulid}$`);
const batchId = new RegExp(`^batch_${ulid}$`);
const fileId = new RegExp(`^file-${ulid}$`);

export const newGenerationId = (nowMs: number): string => `gen_${newUlid(nowMs)}`;
export const isGenerationId = (text: string): boolean => generationId.test(text);

export const newBatchId = (nowMs: number): string => `batch_${newUlid(nowMs)}`;
export const isBatchId = (text: string): boolean => batchId.test(text);

/** With OpenAI's hyphen. */
export const newFileId = (nowMs: number): string => `file-${newUlid(nowMs)}`;
export const isFileId = (text: string): boolean => fileId.test(text);
