import { setTimeout as pause } from "node:timers/promises";
import { Redis, type RedisOptions } from "ioredis";
import { routeTo } from "./address/redis-route.ts";
import { recognizeServer } from "./recognize-server.ts";
import { explainRedisError, hangsUp, predicates, type RedisFault } from "./redis-faults.ts";

/** Between two tries to connect, in milliseconds: a Redis that is starting up beside us is there in a second. */
const retryEveryMs = 200;
const retryStrategy = (): number => retryEveryMs;

/** A server that has said nothing by then is looked at in other ways: a handshake over the worst of links takes a second. */
const recognizeAfterMs = 1_000;

/** An answer takes a millisecond. One that has not come after five seconds is asked for again. */
const commandTimeout = 5_000;

/** A fault with the server that it is of, as a sentence. */
export const faultOf = ({ options }: Redis, predicate: string, cause?: unknown): Error =>
  new Error(`Redis ${placeOf(options)} ${predicate}`, cause === undefined ? undefined : { cause });

function placeOf({ host, port, sentinels, name }: RedisOptions): string {
  if (!sentinels) return `at ${host}:${port}`;
  return `"${name}" of the Sentinels at ${sentinels.map((one) => `${one.host}:${one.port}`).join(", ")}`;
}

/** Said of one of which nothing else is known. */
export const silent = (withinMs: number): string =>
  `does not answer within ${withinMs / 1_000} s. Check host, port and scheme in REDIS_URL, and whether it is overloaded.`;

/**
 * Connects to a Redis to look at it. Rejects with a sentence that says why it cannot be used and what to do: at once where waiting does
 * not help, else when `withinMs` are over.
 */
export async function reachRedis(url: string, withinMs: number): Promise<Redis> {
  // Its own ready check asks for INFO, and goes to the console where that is not allowed.
  const looking = { enableReadyCheck: false, retryStrategy, sentinelRetryStrategy: retryStrategy, commandTimeout };
  const redis = new Redis({ ...routeTo(url), ...looking });
  const beganMs = performance.now();
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  let latest: { fault: RedisFault; error?: Error } | undefined;
  let sentinelError: Error | undefined;
  redis
    .once("ready", resolve)
    // Why one of the Sentinels is of no help. Only when none is, there is an error, which does not say why.
    .on("sentinelError", (error: Error) => void (sentinelError = error))
    .on("error", (error) => {
      const fault = explainRedisError(sentinelError ?? error);
      if (fault === undefined) return;
      latest = { fault, error };
      if (performance.now() - beganMs >= fault.hopeMs) reject(faultOf(redis, fault.predicate, error));
    })
    // Without an error only where the other side has closed it.
    .on("close", () => (latest ??= { fault: hangsUp }));

  const over = new AbortController();
  const whenSilent = async () => {
    await pause(recognizeAfterMs, undefined, { signal: over.signal });
    const predicate = await mismatch(redis);
    if (predicate !== undefined) reject(faultOf(redis, predicate));
    await pause(Math.max(withinMs - (performance.now() - beganMs), 0), undefined, { signal: over.signal });
    reject(faultOf(redis, latest?.fault.predicate ?? silent(withinMs), latest?.error));
  };
  whenSilent().catch(() => {});
  try {
    await ready;
    return redis;
  } catch (error) {
    redis.disconnect();
    throw error;
  } finally {
    over.abort();
  }
}

/** What of the scheme does not fit the server, or that it is none of Redis; undefined where nothing is found. */
async function mismatch({ options: { host = "localhost", port = 6_379, tls } }: Redis): Promise<string | undefined> {
  const found = await recognizeServer({ host, port });
  if (found === "redis" && tls !== undefined) return predicates.withoutTls;
  if (found === "tls" && tls === undefined) return predicates.wantsTls;
  return found === "other" ? predicates.notRedis : undefined;
}
