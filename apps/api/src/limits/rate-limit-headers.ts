import type { RateLimitUse, RateLimitReader } from "@darkroom/accounts";
import type { Limits } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import type { HttpRequestUse, RequestLimits } from "./limit-requests.ts";

const secondsPerMinute = 60;

/** What there is to tell of one limit. */
type Told = { name: string; limit: number; used: number; resetMs: number };

/**
 * The rate limit headers of a caller: OpenAI's `x-ratelimit-*`, whose `reset` is a duration, and the fields `RateLimit-Policy`
 * and `RateLimit` of the IETF (draft-ietf-httpapi-ratelimit-headers-10). A key without limits gets none. `use` is what it has used of the
 * limits of generations, and `http` of that of all requests; null where that is not told.
 */
export function limitHeaders(
  limits: Limits,
  use: RateLimitUse | null,
  http: HttpRequestUse | null = null,
): Record<string, string> {
  const told = [...generationLimits(limits, use), ...(http === null ? [] : [{ name: "http-requests", ...http }])];
  if (told.length === 0) return {};
  const shown = told.map(({ name, limit, used, resetMs }) => {
    return { name, limit, left: Math.max(limit - used, 0), reset: Math.ceil(resetMs / 1_000) };
  });
  const headers = shown.flatMap(({ name, limit, left, reset }) => [
    [`x-ratelimit-limit-${name}`, String(limit)],
    [`x-ratelimit-remaining-${name}`, String(left)],
    [`x-ratelimit-reset-${name}`, reset === secondsPerMinute ? "1m0s" : `${reset}s`],
  ]);
  return {
    ...Object.fromEntries(headers),
    "ratelimit-policy": shown.map(({ name, limit }) => `"${name}";q=${limit};w=${secondsPerMinute}`).join(", "),
    ratelimit: shown.map(({ name, left, reset }) => `"${name}";r=${left};t=${reset}`).join(", "),
  };
}

function generationLimits(limits: Limits, use: RateLimitUse | null): Told[] {
  if (use === null) return [];
  const { requests_per_minute: requests, images_per_minute: images } = limits;
  const { resetMs } = use;
  return [
    ...(requests === null ? [] : [{ name: "requests", limit: requests, used: use.requests, resetMs }]),
    ...(images === null ? [] : [{ name: "images", limit: images, used: use.images, resetMs }]),
  ];
}

export type TellLimitsOptions = {
  readRateLimitUse: RateLimitReader;
  requestLimits: Pick<RequestLimits, "useOf">;
};

/**
 * Adds the rate limit headers to every answer of `app`. An admission has the numbers of generations; for other answers they are looked up,
 * if the key has such limits. The limit of all requests is told to keys that have one of their own, and to a request that it refuses.
 */
export function tellLimits(app: FastifyInstance, { readRateLimitUse, requestLimits }: TellLimitsOptions): void {
  app.addHook("onSend", async (request, reply) => {
    const { account, rateLimitUse, isRateLimited = false } = request.facts;
    if (account === undefined) return;
    const { limits, keyId } = account;
    const { requests_per_minute: requests, images_per_minute: images, http_requests_per_minute: all } = limits;
    const http = all !== null || isRateLimited ? requestLimits.useOf(account) : null;
    // What is refused for its rate asks Redis nothing. An answer is not delayed or lost because its limits cannot be read.
    const isKnown = rateLimitUse !== undefined || (requests === null && images === null) || isRateLimited;
    const use = isKnown ? (rateLimitUse ?? null) : await readRateLimitUse(keyId).catch(() => null);
    reply.headers(limitHeaders(limits, use, http));
  });
}
