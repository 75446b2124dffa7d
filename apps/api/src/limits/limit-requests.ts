import { setTimeout as pause } from "node:timers/promises";
import type { Account, RequestCounter } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** Bodies up to this size, in bytes, are neither counted nor refused: to check one full of mistakes takes less than a millisecond. */
const freeBodyBytes = 16_384;
/** Bytes of refused bodies that a key may send in a minute: as many as the largest body has, so that a second such is not read. */
const maxRefusedBytes = 1_048_576;
/**
 * Refusals of a key that are answered at once, in each ten seconds. Each further one is delayed by a second, and its connection is not read
 * meanwhile: a client that repeats at once what was refused would send a megabyte each time.
 */
const promptRefusals = 10;
const paceMs = 10_000;
const delayMs = 1_000;

export type RequestLimitsOptions = {
  counter: Pick<RequestCounter, "take" | "noteRefused" | "useOf">;
  /** How many requests a key may make in a minute where it has no limit of its own. */
  maxPerMinute: number;
};

/** What is told of the limit of all requests. */
export type HttpRequestUse = { limit: number; used: number; resetMs: number };

/**
 * Limits all requests of a key in a minute, before their bodies are read, and the bytes of bodies that were refused. A refused request
 * reaches no other limit, and a body full of mistakes keeps the process busy for as long as a hundred good requests.
 */
export function createRequestLimits({ counter, maxPerMinute }: RequestLimitsOptions) {
  const limitOf = ({ limits }: Account) => limits.http_requests_per_minute ?? maxPerMinute;
  /** The refusals of each key in its current ten seconds. */
  const refusals = new Map<string, number>();

  async function slowDown(keyId: string): Promise<void> {
    const before = refusals.get(keyId) ?? 0;
    if (before === 0) setTimeout(() => refusals.delete(keyId), paceMs).unref();
    refusals.set(keyId, before + 1);
    if (before >= promptRefusals) await pause(delayMs);
  }

  async function refuse({ facts }: Pick<FastifyRequest, "facts">, keyId: string, error: ApiError): Promise<never> {
    facts.isRateLimited = true;
    await slowDown(keyId);
    throw error;
  }

  async function assertRequest(request: FastifyRequest, account: Account): Promise<void> {
    const limit = limitOf(account);
    const turn = counter.take(account.keyId, limit);
    const waitMs = typeof turn === "object" && turn !== null ? await turn : turn;
    if (waitMs !== null) await refuse(request, account.keyId, tooManyRequests(limit, waitMs));
  }

  /** Throws `ApiError` where so many more bytes may be too many to look at, after those that were refused. */
  async function assertBody(request: FastifyRequest, bytes: number): Promise<void> {
    const { account } = request.facts;
    if (account === undefined || bytes <= freeBodyBytes) return;
    const { refusedBytes, forgivenMs } = counter.useOf(account.keyId);
    if (refusedBytes === 0 || refusedBytes + bytes <= maxRefusedBytes) return;
    const { bodyLimit } = request.routeOptions;
    // A body that is too large for its route is told so, with 413: it would not be taken later either.
    if (bytes > bodyLimit) return slowDown(account.keyId);
    await refuse(request, account.keyId, tooManyMistakes(refusedBytes, forgivenMs));
  }

  return {
    /** Limits the requests to all routes that `app` gets from now on. They must be authenticated before. */
    guard(app: FastifyInstance): void {
      app.addHook("onRequest", async (request) => {
        const { account } = request.facts;
        if (account === undefined) return;
        await assertRequest(request, account);
        await assertBody(request, announcedBytes(request));
      });
      app.addHook("onSend", async (request, { statusCode }) => {
        // What was not parsed is read away all the same.
        const { account, generationId, bodyBytes = announcedBytes(request) } = request.facts;
        if (account === undefined || bodyBytes <= freeBodyBytes) return;
        // What was accepted is counted by the limits of generations, and a 429 of theirs is no mistake.
        const isMistake = statusCode >= 400 && statusCode < 500 && statusCode !== 429 && generationId === undefined;
        if (isMistake) counter.noteRefused(account.keyId, limitOf(account), bodyBytes);
      });
    },

    /**
     * Throws `ApiError` where a body that has arrived is not to be parsed. It is asked again then, because requests that arrive together
     * have all been let in before the first of them is refused.
     */
    async assertParsable(request: FastifyRequest, bytes: number): Promise<void> {
      await assertBody(request, bytes);
      request.facts.bodyBytes = bytes;
    },

    /** What a key has used of its limit. */
    useOf(account: Account): HttpRequestUse {
      const { requests, resetMs } = counter.useOf(account.keyId);
      return { limit: limitOf(account), used: requests, resetMs };
    },
  };
}

export type RequestLimits = ReturnType<typeof createRequestLimits>;

/** The bytes of a body before it is read; 0 for one that does not say, which is looked at when it is there. Files are not parsed. */
const announcedBytes = ({ headers }: Pick<FastifyRequest, "headers">): number =>
  /^multipart\//i.test(headers["content-type"] ?? "") ? 0 : Number(headers["content-length"] ?? 0);

const tooManyRequests = (limit: number, waitMs: number) =>
  new ApiError(
    "rate_limit_exceeded",
    `Rate limit reached for HTTP requests: this API key may make ${limit} of any kind a minute (http_requests_per_minute). Try again in ${seconds(waitMs)}.`,
    { retryAfterMs: waitMs },
  );

const tooManyMistakes = (refusedBytes: number, waitMs: number) =>
  new ApiError(
    "rate_limit_exceeded",
    `Rate limit reached for refused bodies: ${refusedBytes} bytes of this API key's bodies were refused in the last minute, and ${maxRefusedBytes} are allowed. Correct what was refused. Bodies of up to ${freeBodyBytes} bytes are taken; try this one again in ${seconds(waitMs)}.`,
    { retryAfterMs: waitMs },
  );

const seconds = (ms: number) => `${Math.ceil(ms / 1_000)} s`;
