import { ApiError, formatDollars, countOf } from "@darkroom/contracts";
import type { Admission } from "./admission.ts";
import type { Refusal } from "./refusal.ts";

/** How soon another ending may make room. Nobody knows; a picture takes some seconds. */
const soonMs = 2_000;

/** What a caller is told whose generation was not admitted: which limit, what it is, and when it is worth coming again. */
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
        `This API key may spend ${formatDollars(limit)}${times[reason]}; ${formatDollars(left)} is left, what is under way counted at its worst case, and this request may cost ${formatDollars(cost)}.`,
        // A new day helps nobody whose request is dearer than a whole one.
        { retryAfterMs: reason === "total" || cost > limit ? undefined : waitMs },
      );
    }
  }
}

const seconds = (ms: number) => `${Math.ceil(ms / 1_000)} s`;
