import { randomBytes } from "node:crypto";
import { createKeys, connectWorker } from "@darkroom/redis";
import { removeKeys, testRedisUrl } from "@darkroom/testing";
import { onTestFinished } from "vitest";

/** A real Redis, with keys of its own that are gone after the test. */
export function openRedis() {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = connectWorker(testRedisUrl(), () => {});
  onTestFinished(async () => {
    await removeKeys(redis, prefix);
    redis.disconnect();
  });
  return { prefix, redis, keys: createKeys(prefix) };
}
