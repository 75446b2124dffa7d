export { checkRedis } from "./check-redis.ts";
export { defineScript, type Script } from "./define-script.ts";
export {
  connectBatchWorker,
  connectProducer,
  connectSubscriber,
  connectWorker,
  type OnRedisError,
  untilConnected,
} from "./redis-connections.ts";
export { redisTime } from "./redis-time.ts";
