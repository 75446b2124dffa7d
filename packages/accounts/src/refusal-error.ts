import { ApiError, formatDollars, countOf } from "@darkroom/contracts";
import { z } from "zod";
import type { Admission } from "./admission.ts";
import { type RateLimitUse, readRateLimitUse } from "./rate-limit-use.ts";

const refusalReasons = ["requests", "images", "concurrent", "queued", "day", "month", "total"] as const;

/** Why a generation was not admitted. Nothing was written. */
export type Refusal = {
  /** The limit, or the time of the budget, that it would exceed. */
  reason: (typeof refusalReasons)[number];
  /** After how many milliseconds there is room without any other event; 0 where that is unknown. */
  waitMs: number;
  /** What is left of a budget, in micros, or of the images of this minute. */
  left: number;
};

/** What `admit` in `admission.lua` answers where it refuses: the reason, the wait, what is left, and what is used of the limits. */
export const refusedSchema = z.tuple([
  z.literal("refused"),
  z.enum(refusalReasons),
  z.int(),
  z.int(),
  z.int(),
  z.int(),
  z.int(),
]);

/** Reads a refusal of `admit`. */
export function readRefusal([, reason, waitMs, left, ...window]: z.output<typeof refusedSchema>): {
  refusal: Refusal;
  use: RateLimitUse | null;
} {
  return { refusal: { reason, waitMs, left }, use: readRateLimitUse(window) };
}

/** How soon an ending may make room. It is a guess: an image takes some seconds. */
const soonMs = 2_000;

/** The error for a caller whose generation was not admitted: which limit was reached, its value, and when to try again. */
export function refusalError({ reason, waitMs, left }: Refusal, admission: Admission): ApiError {
  const { limits, budget, images, worstCaseMicros } = admission;
  switch (reason) {
    case "requests":
      return new ApiError(
        "rate_limit_exceeded",
        `Rate limit reached for requests: this API key may make ${limits.requests_per_minute} a minute. Try again in ${seconds(waitMs)}.`,
        { retryAfterMs: waitMs },
      );
    case "images":
      return new ApiError(
        "rate_limit_exceeded",
        `Rate limit reached for images: this API key may ask for ${limits.images_per_minute} a minute, ${left} of them are left, and this request asks for ${images}. Try again in ${seconds(waitMs)}.`,
        { retryAfterMs: waitMs },
      );
    case "concurrent":
      return new ApiError(
        "concurrency_limit_exceeded",
        `This API key may have ${countOf(limits.concurrent_generations ?? 0, "generation")} at a time, and has that many. Send the request again when one has ended.`,
        { retryAfterMs: soonMs },
      );
    case "queued":
      return new ApiError(
        "queue_full",
        `This API key may have ${countOf(limits.queued_generations ?? 0, "generation")} waiting, and has that many. Send the request again when one has begun.`,
        { retryAfterMs: soonMs },
      );
    default: {
      const limit = budget[reason] ?? 0;
      const cost = worstCaseMicros ?? 0;
      const times = { day: " for this day (UTC)", month: " for this month (UTC)", total: "" };
      return new ApiError(
        "insufficient_quota",
        `This API key may spend ${formatDollars(limit)}${times[reason]}; ${formatDollars(left)} is left, with generations under way counted at their worst case, and this request may cost ${formatDollars(cost)}.`,
        // A new day does not help a request that costs more than a whole day's budget.
        { retryAfterMs: reason === "total" || cost > limit ? undefined : waitMs },
      );
    }
  }
}

const seconds = (ms: number) => `${Math.ceil(ms / 1_000)} s`;

/** The error for a request without a known worst case whose key has a budget. `why` ends the sentence, and says what to do. */
export const unpricedError = (why: string): ApiError =>
  new ApiError("model_unpriced", `This API key has a budget, and ${why}`, { param: "model" });
