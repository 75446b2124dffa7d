import { type Budget, type Limits, noBudget, noLimits } from "@darkroom/contracts";

/** What a generation asks of its API key: the limits and the budget as they are now, and what it would take of them. */
export type Admission = {
  limits: Limits;
  budget: Budget;
  /** Images that are asked for. */
  images: number;
  /** The most that it can cost, in micros; null where a price is missing. It is reserved until the ending tells the cost. */
  worstCaseMicros: number | null;
};

/** Of a key that may do as it likes. */
export const unlimited: Pick<Admission, "limits" | "budget"> = { limits: noLimits, budget: noBudget };

/** The admission as `admission.lua` reads it. */
export function admissionArgument({ limits, budget, images, worstCaseMicros }: Admission): string {
  const { requests_per_minute: requests, images_per_minute: imageRate } = limits;
  const { concurrent_generations: concurrent, queued_generations: queued } = limits;
  const { day, month, total } = budget;
  return [requests, imageRate, concurrent, queued, day, month, total, images, worstCaseMicros]
    .map((number) => number ?? "-")
    .join(" ");
}

/** What a key has used of its limits in the last minute. */
export type MinuteUse = {
  requests: number;
  images: number;
  /** Milliseconds until all of it is forgotten. */
  resetMs: number;
};

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

/** The answer of `admit` or `told_window` as it comes from Redis: numbers as text or numbers. */
export type ScriptNumbers = readonly (string | number)[];

/** Reads what `told_window` answers; null where nothing is counted. */
export function readMinuteUse([requests, images, resetMs]: ScriptNumbers): MinuteUse | null {
  if (requests === undefined) return null;
  return { requests: Number(requests), images: Number(images), resetMs: Number(resetMs) };
}

/** Reads a refusal of `admit`, without its first word. */
export function readRefusal([reason, waitMs, left, ...window]: ScriptNumbers): {
  refusal: Refusal;
  use: MinuteUse | null;
} {
  const known = refusalReasons.find((name) => name === reason);
  if (known === undefined) throw new Error(`The script refused for an unknown reason: ${reason}`);
  return { refusal: { reason: known, waitMs: Number(waitMs), left: Number(left) }, use: readMinuteUse(window) };
}
