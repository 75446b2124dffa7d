import { Redis, type RedisOptions } from "ioredis";
import { gatherWrites } from "./ioredis-patches/gather-writes.ts";
import { keepSubscribed } from "./ioredis-patches/keep-subscribed.ts";
import { reconnectSilent } from "./ioredis-patches/reconnect-silent.ts";
import { limitInFlight } from "./ioredis-patches/limit-in-flight.ts";
import { routeTo } from "./address/redis-route.ts";
import { faultOf, silent } from "./reach-redis.ts";
import { explainRedisError } from "./redis-faults.ts";
import { timeOutCommands } from "./ioredis-patches/time-out-commands.ts";

export type OnRedisError = (error: Error) => void;

/** At most 2 s apart while Redis is away: BullMQ's own default took 13–18 s to notice that it was back. */
const awayPause = (attempt: number): number => Math.min(attempt * 50, 2_000);

/** Up to half a minute apart while it refuses the password, say: an operator has to change a setting first. */
const refusedPause = (attempt: number): number => Math.min(250 * 2 ** attempt, 30_000);

/** Up to half of a pause is taken off, so that all processes and all their connections do not come back in one moment. */
const withJitter = (pauseMs: number): number => pauseMs * (1 - Math.random() / 2);

/** Redis answers a ping on a local network in under a millisecond; ten seconds is a handshake over the worst of links. */
const connectTimeout = 10_000;

function connect(url: string, options: RedisOptions, onError: OnRedisError): Redis {
  let refused = false;
  const retryStrategy = (attempt: number) => withJitter(refused ? refusedPause(attempt) : awayPause(attempt));
  const sentinelRetryStrategy = retryStrategy;
  const redis = new Redis({ connectTimeout, retryStrategy, sentinelRetryStrategy, ...routeTo(url), ...options });
  // Without a listener ioredis prints every failed reconnect to the console.
  redis.on("error", (error) => {
    refused = explainRedisError(error)?.hopeMs === 0;
    onError(error);
  });
  gatherWrites(redis);
  return redis;
}

/** How long a caller is kept waiting for a Redis that does not answer. On a local network it answers in milliseconds. */
const commandTimeoutMs = 2_000;

/**
 * For code that has a caller waiting: fails within two seconds rather than queue commands for a Redis that is away.
 * A command that timed out (`CommandTimeoutError`) may have been carried out, or be carried out after a reconnect: every script is safe
 * to repeat.
 */
export function connectProducer(url: string, onError: OnRedisError): Redis {
  const redis = connect(url, { enableOfflineQueue: false, maxRetriesPerRequest: 1 }, onError);
  timeOutCommands(redis, commandTimeoutMs);
  return redis;
}

/**
 * For `createReplicaWait`: WAIT answers within `timeoutMs`, and a command whose connection breaks fails. Sent again, it would be answered by
 * another primary.
 */
export function connectReplicaWait(url: string, timeoutMs: number, onError: OnRedisError): Redis {
  const once = { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false };
  const redis = connect(url, once, onError);
  timeOutCommands(redis, timeoutMs + commandTimeoutMs);
  return redis;
}

/** For workers, who hold paid work: commands wait for as long as Redis is away. BullMQ demands null retries for its blocking reads. */
export function connectWorker(url: string, onError: OnRedisError): Redis {
  return connect(url, { maxRetriesPerRequest: null }, onError);
}

/**
 * Scripts of 0.1 ms each: what callers wait for is held up by two milliseconds at most, and Redis has the next ones while answers are on
 * their way. Half as many cost a batch a seventh of its lines per second, twice as many win it as much.
 */
const batchCommandsInFlight = 16;

/** For the work of batches, which no caller waits for: as `connectWorker`, and with no more commands at a time than others can bear. */
export function connectBatchWorker(url: string, onError: OnRedisError): Redis {
  const redis = connectWorker(url, onError);
  limitInFlight(redis, batchCommandsInFlight);
  return redis;
}

/** For channels: subscribes again by itself after a reconnect, and while Redis refuses it; connects again when Redis falls silent. */
export function connectSubscriber(url: string, onError: OnRedisError): Redis {
  const redis = connect(url, { maxRetriesPerRequest: null, autoResubscribe: false }, onError);
  keepSubscribed(redis, onError);
  reconnectSilent(redis);
  return redis;
}

/** Resolves when the connection can take commands; rejects with a sentence when Redis cannot be reached in time. */
export async function untilConnected(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === "ready") return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let lastError: Error | undefined;
  const remember = (error: Error) => void (lastError = error);
  redis.on("error", remember).once("ready", resolve);
  const timer = setTimeout(() => {
    const fault = lastError && explainRedisError(lastError);
    reject(faultOf(redis, fault?.predicate ?? silent(timeoutMs), lastError));
  }, timeoutMs);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    redis.off("error", remember).off("ready", resolve);
  }
}
