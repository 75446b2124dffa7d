import { setTimeout as pause } from "node:timers/promises";
import { connectWorker, createKeys, createQuarantine, createTaskLeases, untilConnected } from "@darkroom/redis";
import { createObjectStore } from "@darkroom/storage";
import { createFileStore } from "./file-store.ts";

/**
 * A worker process that does nothing but sweep files: `node sweep-process.fixture.ts URL PREFIX LEASE_MS FOLDER REMOVED`. When it has removed
 * so many objects of a page, it writes `owner` and removes no other until the key `PREFIX:go` is there. It writes
 * the key `PREFIX:over` after that sweep.
 */
const [url = "", prefix = "", leaseMs = "", directory = "", removed = ""] = process.argv.slice(2);

const redis = connectWorker(url, () => {});
await untilConnected(redis, 5_000);
const keys = createKeys(prefix);
const log = { error() {}, warn() {} };
const links = { publicBaseUrl: "http://darkroom.test", signingSecret: "a secret of thirty-two characters" };
const store = createObjectStore({ storage: "filesystem", directory, links });
let waits = removed !== "Infinity";

const objects = {
  ...store,
  async delete(dropped: readonly string[]): Promise<void> {
    if (!waits) return store.delete(dropped);
    waits = false;
    await store.delete(dropped.slice(0, Number(removed)));
    process.stdout.write("owner\n");
    // After a freeze a command may be out of time.
    while ((await redis.exists(`${prefix}:go`).catch(() => 0)) === 0) await pause(20);
    return store.delete(dropped.slice(Number(removed)));
  },
};
const quarantine = createQuarantine({ redis, keys, log });
const files = createFileStore({ redis, prefix, objects, quarantine, log });
const leases = createTaskLeases({ redis, keys, log, leaseMs: Number(leaseMs), renewEveryMs: 100 });
leases.own({
  kind: "file-removal",
  parts: ["all"],
  everyMs: 50,
  async tick() {
    await files.sweep().finally(() => removed !== "Infinity" && redis.set(`${prefix}:over`, "1"));
  },
  onError() {},
});
