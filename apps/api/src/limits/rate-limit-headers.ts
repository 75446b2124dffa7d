import type { RateLimitUse, RateLimitReader } from "@darkroom/accounts";
import type { Limits } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";

const secondsPerMinute = 60;

/**
 * The rate limit headers of a caller: OpenAI's `x-ratelimit-*`, whose `reset` is a duration, and the fields `RateLimit-Policy`
 * and `RateLimit` of the IETF (draft-ietf-httpapi-ratelimit-headers-10). A key without limits gets none.
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

/**
 * Adds the rate limit headers to every answer of `app`. An admission has the numbers; for other answers they are looked up, if the key has
 * limits.
 */
export function tellLimits(app: FastifyInstance, readRateLimitUse: RateLimitReader): void {
  app.addHook("onSend", async (request, reply) => {
    const { account } = request.facts;
    if (account === undefined || reply.hasHeader("ratelimit")) return;
    const { requests_per_minute: requests, images_per_minute: images } = account.limits;
    if (requests === null && images === null) return;
    // An answer is not delayed or lost because its limits cannot be read.
    const use = await readRateLimitUse(account.keyId).catch(() => null);
    if (use !== null) reply.headers(limitHeaders(account.limits, use));
  });
}
