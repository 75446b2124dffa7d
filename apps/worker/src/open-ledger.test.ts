import { randomBytes } from "node:crypto";
import { createLedger } from "@darkroom/accounts";
import { createLogger, createCloseList } from "@darkroom/runtime";
import { connectWorker, createKeys, createTaskLeases } from "@darkroom/redis";
import { createObjectStore } from "@darkroom/storage";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openLedger } from "./open-ledger.ts";

const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
const log = createLogger({ name: "worker-test", level: "silent", pretty: false });

test("a worker moves days that are over into the store, and tries again after a failure", async () => {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = connectWorker(testRedisUrl(), () => {});
  onTestFinished(async () => {
    await redis.del(
      ...["ledger-export:2026-01-30", "ledger:2026-01-31", "ledger-days", "task-leases"].map(
        (key) => `${prefix}:${key}`,
      ),
    );
    redis.disconnect();
  });
  const store = createObjectStore({ storage: "memory", links });
  let failures = 0;
  const put: typeof store.put = async (...write) => {
    if (failures++ === 0) throw new Error("The store is away");
    await store.put(...write);
  };
  await redis.multi().sadd(`${prefix}:ledger-days`, "2026-01-30").rpush(`${prefix}:ledger:2026-01-30`, "{}").exec();
  const closes = createCloseList(log);
  const ledger = createLedger({ redis, prefix, objects: { ...store, put }, log });
  const leases = createTaskLeases({ redis, keys: createKeys(prefix), log });
  closes.add("the leases", () => leases.close());
  openLedger({ config: { LEDGER_EXPORT_INTERVAL_MS: 10 }, ledger, leases, log, closes });
  await expect.poll(() => store.head("_ledger/2026-01-30/0000000000.jsonl")).toMatchObject({ size: 3 });

  await closes.closeAll();
  expect(await redis.exists(`${prefix}:ledger:2026-01-30`, `${prefix}:ledger-days`)).toBe(0);
});
