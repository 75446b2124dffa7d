import type { RateLimitReader } from "@darkroom/accounts";
import type { FastifyInstance } from "fastify";
import { limitHeaders } from "./limit-headers.ts";

/**
 * Tells every caller its limits on every answer of `app`. An admission has brought the numbers with it; for any other answer they are
 * looked up, where the key has limits at all.
 */
export function tellLimits(app: FastifyInstance, readRateLimitUse: RateLimitReader): void {
  app.addHook("onSend", async (request, reply) => {
    const { account } = request.facts;
    if (account === undefined || reply.hasHeader("ratelimit")) return;
    const { requests_per_minute: requests, images_per_minute: images } = account.limits;
    if (requests === null && images === null) return;
    // An answer is not held up, let alone lost, because its limits cannot be told.
    const use = await readRateLimitUse(account.keyId).catch(() => null);
    if (use !== null) reply.headers(limitHeaders(account.limits, use));
  });
}
