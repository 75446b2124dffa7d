import { setTimeout as pause } from "node:timers/promises";
import { connectWorker, createKeys, createTaskLeases, untilConnected } from "@darkroom/redis";
import { createRedisKeys } from "./redis-keys.ts";
import { createRecountTenantUse } from "./tenant-use.ts";

/**
 * A worker process that does nothing but count what tenants hold: `node tenant-use-process.fixture.ts URL PREFIX LEASE_MS COUNTED`. It finds
 * two files of 20 bytes of each tenant. When it has counted so many tenants, it writes `owner` and counts no other until the key `PREFIX:go`
 * is there. It writes the key `PREFIX:over` after that round.
 */
const [url = "", prefix = "", leaseMs = "", counted = ""] = process.argv.slice(2);

const redis = connectWorker(url, () => {});
await untilConnected(redis, 5_000);
const log = { error() {}, warn() {} };
let left = Number(counted);

const recount = createRecountTenantUse({
  redis,
  names: createRedisKeys(prefix),
  async countFiles() {
    if (left-- === 0) {
      process.stdout.write("owner\n");
      // After a freeze a command may be out of time.
      while ((await redis.exists(`${prefix}:go`).catch(() => 0)) === 0) await pause(20);
    }
    return { files: 2, bytes: 20 };
  },
  countLines: async () => new Map(),
  log,
});
async function tick(): Promise<void> {
  await recount().finally(() => counted !== "Infinity" && redis.set(`${prefix}:over`, "1"));
}
const keys = createKeys(prefix);
const leases = createTaskLeases({ redis, keys, log, leaseMs: Number(leaseMs), renewEveryMs: 100 });
leases.own({ kind: "tenant-use", parts: ["all"], everyMs: 50, tick, onError() {} });
