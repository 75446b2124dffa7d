export { type Backoff, type BackoffOptions, createBackoff } from "./backoff.ts";
export { checkRedis } from "./check-redis.ts";
export { createWriteProbe, type ProbeNames } from "./probe-writes.ts";
export { adviseOnRedis } from "./redis-faults.ts";
export { defineScript, readScript, type Script } from "./define-script.ts";
export { encodeFormerPlace, formerPlaceMs, readFormerScore } from "./former-place.ts";
export { type Page, readPage, type UnreadableRecord } from "./read-page.ts";
export {
  connectBatchWorker,
  connectProducer,
  connectSubscriber,
  connectWorker,
  type OnRedisError,
  untilConnected,
} from "./redis-connections.ts";
export { redisTime } from "./redis-time.ts";
export { CommandTimeoutError } from "./time-out-commands.ts";
