import { randomBytes } from "node:crypto";
import { connectProducer, connectWorker, untilConnected } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { onTestFinished } from "vitest";
import { createAccounts } from "../create-accounts.ts";

/** A prefix of its own in a real Redis, emptied after the test, and the key store under it. */
export async function openKeyStore(url = testRedisUrl()) {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = await connect(url);
  const { names, keyStore: store } = createAccounts({ redis, prefix });

  async function removeAll(): Promise<void> {
    const found = await redis.keys(`${prefix}:*`);
    if (found.length > 0) await redis.del(...found);
  }
  if (url === testRedisUrl()) onTestFinished(removeAll);
  return { redis, prefix, names, store, removeAll, another: () => connect(url) };
}

/** A connection like that of the api. */
async function connect(url: string) {
  const redis = connectProducer(url, () => {});
  onTestFinished(() => redis.disconnect());
  await untilConnected(redis, 5_000);
  return redis;
}

/** Every value under a prefix, as text. */
export async function everythingUnder(prefix: string): Promise<string> {
  const redis = connectWorker(testRedisUrl(), () => {});
  const values: unknown[] = [];
  for (const key of await redis.keys(`${prefix}:*`)) {
    const kind = await redis.type(key);
    values.push(
      key,
      kind === "hash"
        ? await redis.hgetall(key)
        : kind === "zset"
          ? await redis.zrange(key, "0", "-1")
          : await redis.get(key),
    );
  }
  redis.disconnect();
  return JSON.stringify(values);
}
