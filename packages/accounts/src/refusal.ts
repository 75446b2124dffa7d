import { type RateLimitUse, readRateLimitUse, type ScriptNumbers } from "./rate-limit-use.ts";

const refusalReasons = ["requests", "images", "concurrent", "queued", "day", "month", "total"] as const;

/** Why a generation was not admitted. Nothing was written. */
export type Refusal = {
  /** The limit, or the time of the budget, that it would exceed. */
  reason: (typeof refusalReasons)[number];
  /** When waiting alone makes room, in milliseconds; 0 where that depends on something else. */
  waitMs: number;
  /** What is left of a budget, in micros, or of the images of this minute. */
  left: number;
};

/** Reads a refusal of `admit`, without its first word. */
export function readRefusal([reason, waitMs, left, ...window]: ScriptNumbers): {
  refusal: Refusal;
  use: RateLimitUse | null;
} {
  const known = refusalReasons.find((name) => name === reason);
  if (known === undefined) throw new Error(`The script refused for an unknown reason: ${reason}`);
  return { refusal: { reason: known, waitMs: Number(waitMs), left: Number(left) }, use: readRateLimitUse(window) };
}
