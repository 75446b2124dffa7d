import { connectWorker, createKeys, createTaskLeases, untilConnected } from "@darkroom/redis";
import { createWorker } from "../open-worker.ts";

/**
 * A worker process that does nothing but recovery, or the audit: `node recovery-process.fixture.ts URL PREFIX LEASE_MS recovery`, or
 * `… audit KEYS_PER_SECOND`. Nothing is too young to be looked at. Writes `owner` when it has put the first lost job back, or corrected the first list.
 */
const [url = "", prefix = "", leaseMs = "", task = "", keysPerSecond = ""] = process.argv.slice(2);

const redis = connectWorker(url, () => {});
await untilConnected(redis, 5_000);
const keys = createKeys(prefix);
let told = false;
const tellOnce = () => {
  if (!told) process.stdout.write("owner\n");
  told = true;
};
const log = { debug() {}, info() {}, warn: tellOnce, error: tellOnce };
const retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };
const { recover, audit } = createWorker({ redis, keys }, { retention, log, dropObjects: async () => {} });
const leases = createTaskLeases({ redis, keys, log: { warn() {} }, leaseMs: Number(leaseMs), renewEveryMs: 100 });
if (task === "audit") {
  audit({ stepEveryMs: 20, keysPerSecond: Number(keysPerSecond), pauseMs: 0 }).own(leases);
} else {
  const recovery = recover({
    queuedAfterMs: 0,
    runningAfterMs: 0,
    lookAgainMs: 60_000,
    claimMs: 500,
    lockDurationMs: 200,
  });
  recovery.own(leases, 100);
}
process.stdout.write("started\n");
