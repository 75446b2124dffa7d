import { setTimeout as pause } from "node:timers/promises";
import { createProducer, createWorker } from "@darkroom/generations";
import { connectWorker, createKeys, createTaskLeases, untilConnected } from "@darkroom/redis";
import { createWebhookParts } from "./open-webhook-worker.ts";

/**
 * A worker process that does nothing but look at the outbox: `node outbox-process.fixture.ts URL PREFIX LEASE_MS HANDED`. When it has handed so
 * many endings over, it writes `owner` and hands no other over until the key `PREFIX:go` is there.
 */
const [url = "", prefix = "", leaseMs = "", handed = ""] = process.argv.slice(2);

const redis = connectWorker(url, () => {});
await untilConnected(redis, 5_000);
const keys = createKeys(prefix);
const log = { debug() {}, info() {}, warn() {}, error() {} };
const retention = { recordsMs: 60_000, claimsMs: 60_000, tombstonesMs: 60_000 };
const { generations } = createProducer({ redis, keys }, { retention, log });
const { quarantine } = createWorker({ redis, keys }, { retention, log, dropObjects: async () => {} });

let left = Number(handed);
const holding = {
  async read(id: string) {
    const record = await generations.read(id);
    if (left-- > 0) return record;
    if (left === -1) process.stdout.write("owner\n");
    while ((await redis.exists(`${prefix}:go`)) === 0) await pause(20);
    return record;
  },
};
const parts = createWebhookParts({ redis, keys }, { generations: holding, quarantine, log });
// It has no wake, and looks by itself once an hour.
const dispatcher = parts.dispatch({ everyMs: 3_600_000 });
const leases = createTaskLeases({ redis, keys, log: { warn() {} }, leaseMs: Number(leaseMs), renewEveryMs: 100 });
leases.own({ kind: "outbox", parts: ["all"], everyMs: 50, tick: dispatcher.tick, onError() {} });
process.stdout.write("started\n");
