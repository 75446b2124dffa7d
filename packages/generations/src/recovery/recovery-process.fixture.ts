import { connectWorker, createKeys, createTaskLeases, untilConnected } from "@darkroom/redis";
import { createWorker } from "../open-worker.ts";

/**
 * A worker process that does nothing but recovery: `node recovery-process.fixture.ts URL PREFIX LEASE_MS`. Nothing is too young to be looked at.
 * Writes `owner` when it has put the first lost job back.
 */
const [url = "", prefix = "", leaseMs = ""] = process.argv.slice(2);

const redis = connectWorker(url, () => {});
await untilConnected(redis, 5_000);
const keys = createKeys(prefix);
let told = false;
const tellOnce = () => {
  if (!told) process.stdout.write("owner\n");
  told = true;
};
const log = { debug() {}, info() {}, warn: tellOnce, error() {} };
const retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };
const { recover } = createWorker({ redis, keys }, { retention, log, dropObjects: async () => {} });
const leases = createTaskLeases({ redis, keys, log: { warn() {} }, leaseMs: Number(leaseMs), renewEveryMs: 100 });
const recovery = recover({
  queuedAfterMs: 0,
  runningAfterMs: 0,
  lookAgainMs: 60_000,
  claimMs: 500,
  lockDurationMs: 200,
});
recovery.own(leases, 100);
process.stdout.write("started\n");
