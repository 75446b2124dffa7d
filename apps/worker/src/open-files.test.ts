import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { createFileStore } from "@darkroom/files";
import { createLogger, createCloseList } from "@darkroom/runtime";
import { connectWorker, createKeys, createTaskLeases } from "@darkroom/redis";
import { createObjectStore } from "@darkroom/storage";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openFiles } from "./open-files.ts";

const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
const log = createLogger({ name: "worker-test", level: "silent", pretty: false });

test("a worker removes a file that has expired, and tries again after a failure", async () => {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => redis.disconnect());
  const store = createObjectStore({ storage: "memory", links });
  const twoDaysAgo = async () => Date.now() - 172_800_000;
  const files = createFileStore({ redis, prefix, objects: store, log, now: twoDaysAgo });
  const { id } = await files.create({
    tenant: "acme",
    purpose: "batch",
    filename: "a.jsonl",
    body: Readable.from(["{}"]),
    expiresInSeconds: 86_400,
  });
  expect(await store.head(`acme/files/${id}`)).toMatchObject({ size: 2 });

  let failures = 0;
  const zrangebyscore: typeof redis.zrangebyscore = redis.zrangebyscore.bind(redis);
  Reflect.set(redis, "zrangebyscore", async (...args: Parameters<typeof zrangebyscore>) => {
    if (failures++ === 0) throw new Error("Redis is away");
    return zrangebyscore(...args);
  });
  const closes = createCloseList(log);
  const leases = createTaskLeases({ redis, keys: createKeys(prefix), log });
  closes.add("the leases", () => leases.close());
  openFiles({
    config: { RECOVERY_INTERVAL_MS: 10 },
    files: createFileStore({ redis, prefix, objects: store, log }),
    leases,
    log,
    closes,
  });
  await expect.poll(() => store.head(`acme/files/${id}`)).toBeNull();
  // Lists go on from the place of a file that is gone, for a while.
  const left = async () => (await redis.keys(`${prefix}:*`)).filter((key) => !/:(?:former-place|task-)/.test(key));
  await expect.poll(left).toEqual([]);
  await closes.closeAll();
});
