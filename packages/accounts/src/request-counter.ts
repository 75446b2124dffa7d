import { defineScript } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import type { RedisKeys } from "./redis-keys.ts";

const script = defineScript(
  new URL("scripts/count-requests.lua", import.meta.url),
  // Let through, requests, milliseconds until one more, until none counts, bytes of refused bodies, milliseconds until none counts.
  z.tuple([z.int(), z.int(), z.int(), z.int(), z.int(), z.int()]),
);

/**
 * A process lets through one in so many of the requests that are left, before Redis has counted them. So a limit below 64 is exact, and a
 * larger one is exceeded by 1.6 % at most for each process that has not heard of the others for `reportAfterMs`.
 */
const uncountedShare = 64;
/** How long requests that were let through are collected before Redis counts them: at most twenty commands a second for each key. */
const usualReportAfterMs = 50;
/** How long a refusal holds without a question to Redis. A limit may have been raised, or the clock of Redis set back. */
const mostRefusedMs = 1_000;
/** How often the counts of keys that are idle are dropped. */
const dropEveryMs = 60_000;

/** What a key has used in the last minute, as far as this process knows. */
export type RequestUse = {
  requests: number;
  /** Milliseconds until no request counts any more. */
  resetMs: number;
  /** Bytes of bodies that were refused. */
  refusedBytes: number;
  /** Milliseconds until none of these counts any more. */
  forgivenMs: number;
};

/** The answer to a request: null lets it through, and a number is the milliseconds until one more may pass. */
export type Turn = number | null;

type Counted = {
  limit: number;
  /** What Redis has answered last, and until when it counts, by the clock of this process. */
  requests: number;
  requestsUntilMs: number;
  refusedBytes: number;
  refusedUntilMs: number;
  /** What Redis has not counted yet. */
  passed: number;
  bytes: number;
  /** Requests that wait for Redis to decide. */
  asking: ((turn: Turn) => void)[];
  /** What is on its way to Redis. */
  sentPassed: number;
  sentBytes: number;
  isSending: boolean;
  /** Until when every request is refused without a question to Redis. */
  refuseUntilMs: number;
  /** When one more may pass, as far as is known. */
  roomAtMs: number;
  timer: NodeJS.Timeout | undefined;
};

export type RequestCounterOptions = {
  redis: Redis;
  names: Pick<RedisKeys, "accountRequests">;
  reportAfterMs?: number;
  /** Milliseconds since any moment, by a monotonic clock. */
  elapsedMs?: () => number;
};

/**
 * Counts the requests of each key over all api processes. While much of a limit is left, a request is let through at once and counted in Redis
 * afterwards, together with others. When little is left, Redis decides. While Redis does not answer, requests are let through.
 */
export function createRequestCounter(options: RequestCounterOptions) {
  const { redis, names, reportAfterMs = usualReportAfterMs, elapsedMs = () => performance.now() } = options;
  const keys = new Map<string, Counted>();
  let dropping: NodeJS.Timeout | undefined;

  function countOf(keyId: string, limit: number): Counted {
    const found = keys.get(keyId);
    if (found !== undefined) {
      // A changed limit decides anew.
      if (found.limit !== limit) Object.assign(found, { limit, refuseUntilMs: 0 });
      return found;
    }
    const counted: Counted = {
      limit,
      requests: 0,
      requestsUntilMs: 0,
      refusedBytes: 0,
      refusedUntilMs: 0,
      passed: 0,
      bytes: 0,
      asking: [],
      sentPassed: 0,
      sentBytes: 0,
      isSending: false,
      refuseUntilMs: 0,
      roomAtMs: 0,
      timer: undefined,
    };
    keys.set(keyId, counted);
    dropping ??= setInterval(dropIdle, dropEveryMs).unref();
    return counted;
  }

  function dropIdle(): void {
    const nowMs = elapsedMs();
    for (const [keyId, { timer, isSending, requestsUntilMs, refusedUntilMs }] of keys) {
      const isIdle = timer === undefined && !isSending && requestsUntilMs <= nowMs && refusedUntilMs <= nowMs;
      if (isIdle) keys.delete(keyId);
    }
    if (keys.size > 0) return;
    clearInterval(dropping);
    dropping = undefined;
  }

  const requestsOf = (counted: Counted) => (elapsedMs() < counted.requestsUntilMs ? counted.requests : 0);

  function reportSoon(keyId: string, counted: Counted): void {
    if (counted.isSending) return;
    counted.timer ??= setTimeout(() => void report(keyId, counted), reportAfterMs).unref();
  }

  /** One at a time for each key: what comes meanwhile goes with the next. Never rejects. */
  async function report(keyId: string, counted: Counted): Promise<void> {
    clearTimeout(counted.timer);
    counted.timer = undefined;
    if (counted.isSending) return;
    counted.isSending = true;
    const asking = counted.asking.splice(0);
    counted.sentPassed = counted.passed;
    counted.sentBytes = counted.bytes;
    counted.passed = 0;
    counted.bytes = 0;
    const args = [counted.limit, counted.sentPassed, counted.sentBytes, asking.length];
    const answer = await script(redis, [names.accountRequests(keyId)], args).catch(() => null);
    counted.isSending = false;
    counted.sentPassed = 0;
    counted.sentBytes = 0;
    let [granted, waitMs] = [asking.length, 0];
    if (answer !== null) {
      const nowMs = elapsedMs();
      granted = answer[0];
      waitMs = answer[2];
      counted.requests = answer[1];
      counted.requestsUntilMs = nowMs + answer[3];
      counted.refusedBytes = answer[4];
      counted.refusedUntilMs = nowMs + answer[5];
      if (granted < asking.length) {
        counted.refuseUntilMs = nowMs + Math.min(waitMs, mostRefusedMs);
        counted.roomAtMs = nowMs + waitMs;
      }
    }
    for (const [i, tell] of asking.entries()) tell(i < granted ? null : waitMs);
    if (counted.asking.length > 0) void report(keyId, counted);
    else if (counted.passed + counted.bytes > 0) reportSoon(keyId, counted);
  }

  return {
    /** Counts a request of a key that may make so many a minute. It answers at once while much of the limit is left. */
    take(keyId: string, limit: number): Turn | Promise<Turn> {
      const counted = countOf(keyId, limit);
      const nowMs = elapsedMs();
      if (nowMs < counted.refuseUntilMs) return counted.roomAtMs - nowMs;
      const known = requestsOf(counted);
      if (counted.passed + counted.sentPassed < Math.floor((limit - known) / uncountedShare)) {
        counted.passed++;
        reportSoon(keyId, counted);
        return null;
      }
      const turn = new Promise<Turn>((resolve) => counted.asking.push(resolve));
      void report(keyId, counted);
      return turn;
    },

    /** Notes that the body of a request was refused. Redis is told with the next report. */
    noteRefused(keyId: string, limit: number, bytes: number): void {
      const counted = countOf(keyId, limit);
      counted.bytes += bytes;
      reportSoon(keyId, counted);
    },

    /** What a key has used, without a command to Redis. */
    useOf(keyId: string): RequestUse {
      const counted = keys.get(keyId);
      if (counted === undefined) return { requests: 0, resetMs: 0, refusedBytes: 0, forgivenMs: 0 };
      const nowMs = elapsedMs();
      const uncounted = counted.passed + counted.sentPassed;
      const uncountedBytes = counted.bytes + counted.sentBytes;
      const known = nowMs < counted.refusedUntilMs ? counted.refusedBytes : 0;
      return {
        requests: requestsOf(counted) + uncounted,
        resetMs: uncounted > 0 ? minuteMs : Math.max(counted.requestsUntilMs - nowMs, 0),
        refusedBytes: known + uncountedBytes,
        forgivenMs: uncountedBytes > 0 ? minuteMs : Math.max(counted.refusedUntilMs - nowMs, 0),
      };
    },

    /** What a key has used by the count of Redis. */
    async readUse(keyId: string): Promise<number> {
      const [, requests] = await script(redis, [names.accountRequests(keyId)], [Number.MAX_SAFE_INTEGER, 0, 0, 0]);
      return requests;
    },

    /** Counts no more. What is not reported is lost. */
    close(): void {
      clearInterval(dropping);
      for (const { timer } of keys.values()) clearTimeout(timer);
      keys.clear();
    },
  };
}

const minuteMs = 60_000;

export type RequestCounter = ReturnType<typeof createRequestCounter>;
