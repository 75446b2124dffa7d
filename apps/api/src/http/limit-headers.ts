import type { RateLimitUse } from "@darkroom/accounts";
import type { Limits } from "@darkroom/contracts";

const secondsPerMinute = 60;

/**
 * The headers that tell a caller its limits: OpenAI's `x-ratelimit-*`, whose `reset` is a duration, and the fields `RateLimit-Policy`
 * and `RateLimit` of the IETF (draft-ietf-httpapi-ratelimit-headers-10). Without limits there is nothing to tell.
 */
export function limitHeaders(limits: Limits, use: RateLimitUse): Record<string, string> {
  const told = [
    { name: "requests", limit: limits.requests_per_minute, used: use.requests },
    { name: "images", limit: limits.images_per_minute, used: use.images },
  ].flatMap(({ name, limit, used }) => (limit === null ? [] : [{ name, limit, left: Math.max(limit - used, 0) }]));
  if (told.length === 0) return {};

  const reset = Math.ceil(use.resetMs / 1_000);
  const headers = told.flatMap(({ name, limit, left }) => [
    [`x-ratelimit-limit-${name}`, String(limit)],
    [`x-ratelimit-remaining-${name}`, String(left)],
    [`x-ratelimit-reset-${name}`, reset === secondsPerMinute ? "1m0s" : `${reset}s`],
  ]);
  return {
    ...Object.fromEntries(headers),
    "ratelimit-policy": told.map(({ name, limit }) => `"${name}";q=${limit};w=${secondsPerMinute}`).join(", "),
    ratelimit: told.map(({ name, left }) => `"${name}";r=${left};t=${reset}`).join(", "),
  };
}
