import { createProducer, type GenerationRecord } from "@darkroom/generations";
import { createKeys, connectProducer } from "@darkroom/redis";
import { expect } from "vitest";

const keys = createKeys("darkroom");
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Reads every generation's record straight from Redis, and what the queue keeps beside them for those that have not ended. */
export async function everyGeneration(redisUrl: string): Promise<GenerationRecord[]> {
  const redis = connectProducer(redisUrl, () => {});
  await new Promise<void>((resolve) => redis.once("ready", () => resolve()));
  try {
    const retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };
    const { generations } = createProducer({ redis, keys }, { retention, log });
    const records: GenerationRecord[] = [];
    for (const key of await redis.keys(keys.record("*"))) {
      const record = await generations.read(key.slice(keys.record("").length));
      if (record !== null) records.push(record);
    }
    return records;
  } finally {
    redis.disconnect();
  }
}

/** Each of `count` accepted generations has succeeded, and nothing else was accepted. */
export async function expectAllSucceeded(redisUrl: string, count: number): Promise<GenerationRecord[]> {
  const records = await everyGeneration(redisUrl);
  expect(records.map(({ status }) => status)).toEqual(Array.from({ length: count }, () => "succeeded"));
  return records;
}
