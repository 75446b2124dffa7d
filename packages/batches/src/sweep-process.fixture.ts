import { setTimeout as pause } from "node:timers/promises";
import { connectWorker, createKeys, createQuarantine, createTaskLeases, untilConnected } from "@darkroom/redis";
import { createObjectStore } from "@darkroom/storage";
import { createBatchStore } from "./records/batch-store.ts";
import { createBatchSweep } from "./sweep-batches.ts";

/**
 * A worker process that does nothing but remove old batches: `node sweep-process.fixture.ts URL PREFIX LEASE_MS FOLDER CALLS`. After so many
 * calls that delete objects, it writes `owner` and deletes no other until the key `PREFIX:go` is there. It writes the key
 * `PREFIX:over` after that sweep.
 */
const [url = "", prefix = "", leaseMs = "", directory = "", calls = ""] = process.argv.slice(2);

const redis = connectWorker(url, () => {});
await untilConnected(redis, 5_000);
const keys = createKeys(prefix);
const log = { debug() {}, info() {}, error() {}, warn() {} };
const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
const store = createObjectStore({ storage: "filesystem", directory, links });
let left = Number(calls);

const objects = {
  ...store,
  async delete(dropped: readonly string[]): Promise<void> {
    if (left-- === 0) {
      process.stdout.write("owner\n");
      // After a freeze a command may be out of time.
      while ((await redis.exists(`${prefix}:go`).catch(() => 0)) === 0) await pause(20);
    }
    return store.delete(dropped);
  },
};
const quarantine = createQuarantine({ redis, keys, log });
const sweep = createBatchSweep({ redis, keys, batches: createBatchStore(redis, keys), objects, quarantine, log });
const leases = createTaskLeases({ redis, keys, log, leaseMs: Number(leaseMs), renewEveryMs: 100 });
leases.own({
  kind: "batch-removal",
  parts: ["all"],
  everyMs: 50,
  // The signal of a lease that was lost ends the sweep.
  tick: ({ signal }) => sweep(signal).finally(() => calls !== "Infinity" && redis.set(`${prefix}:over`, "1")),
  onError() {},
});
