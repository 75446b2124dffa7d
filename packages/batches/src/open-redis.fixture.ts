import { randomBytes } from "node:crypto";
import { newBatchId } from "@darkroom/contracts";
import { createKeys } from "@darkroom/redis";
import { type NewBatch } from "./records/create-batch.ts";
import { connectWorker } from "@darkroom/redis";
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

/** A batch as it is asked for, without a webhook. */
export const aBatch = (over: Partial<NewBatch> = {}): NewBatch => ({
  id: newBatchId(Date.now()),
  tenant: "acme",
  keyId: "key",
  inputFileId: "file-1",
  completionWindow: "24h",
  windowMs: 86_400_000,
  metadata: null,
  outputSeconds: 3_600,
  webhook: null,
  webhookEvents: [],
  ...over,
});
