import { randomBytes } from "node:crypto";
import { createLedger } from "@darkroom/accounts";
import { createFileStore } from "@darkroom/files";
import { connectWorker, untilConnected } from "@darkroom/redis";
import { createObjectStore } from "@darkroom/storage";
import { createRefusals, leftByRefusals, refuseCommands, removeKeys, testRedisUrl } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";

const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
const log = { debug() {}, info() {}, warn() {}, error() {} };

async function open() {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const redis = connectWorker(testRedisUrl(), () => {});
  onTestFinished(async () => {
    await removeKeys(redis, prefix);
    redis.disconnect();
  });
  await untilConnected(redis, 5_000);
  const away = createRefusals();
  const objects = createObjectStore({ storage: "memory", links });
  const refusing = { ...objects, put: away.refuse, delete: away.refuse };
  const loopsOver = (store: typeof objects) => ({
    "the sweep of files": () => createFileStore({ redis, prefix, objects: store, log }).sweep(),
    "the export of the ledger": () => createLedger({ redis, prefix, objects: store, log }).exportDue(),
  });
  // An object whose file is gone.
  await redis.zadd(`${prefix}:files-dropping`, 0, "acme/files/file-1");
  // A day that is over and has an entry.
  await redis.sadd(`${prefix}:ledger-days`, "2026-01-30");
  await redis.rpush(`${prefix}:ledger:2026-01-30`, "{}");
  return { redis, away, overWhole: loopsOver(objects), overRefusing: loopsOver(refusing) };
}

describe.each(["the sweep of files", "the export of the ledger"] as const)(
  "a thousand rounds of %s leave nothing behind",
  (loop) => {
    test("that Redis refuses", async () => {
      const { redis, overWhole } = await open();
      using refusals = refuseCommands(redis);
      expect(await leftByRefusals({ round: overWhole[loop], refusals, emitters: [redis] })).toEqual([]);
    });

    test("that the store refuses", async () => {
      const { redis, away, overRefusing } = await open();
      expect(await leftByRefusals({ round: overRefusing[loop], refusals: away, emitters: [redis] })).toEqual([]);
    });
  },
);
