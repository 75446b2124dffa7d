import { type Admission, unpricedError } from "@darkroom/accounts";
import { ApiError, countOf } from "@darkroom/contracts";

/**
 * Throws `ApiError` for what no waiting mends: more images than the key may have in a minute, or, with a budget, a worst case that
 * nobody knows. `unpriced` tells what has no price and what to do.
 */
export function assertAdmissible({ limits, budget, images, worstCaseMicros }: Admission, unpriced: () => string): void {
  const perMinute = limits.images_per_minute;
  if (perMinute !== null && images > perMinute) {
    throw new ApiError(
      "rate_limit_exceeded",
      `This request asks for ${countOf(images, "image")}, and this API key may ask for ${perMinute} a minute. Ask for fewer at a time.`,
      { param: "n", retryable: false },
    );
  }
  if (worstCaseMicros === null && Object.values(budget).some((limit) => limit !== null)) {
    throw unpricedError(unpriced());
  }
}
