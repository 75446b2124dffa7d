import { setTimeout as pause } from "node:timers/promises";
import { createKeys } from "../key-names.ts";
import { connectWorker, untilConnected } from "../redis-connections.ts";
import { holdsTaskLease } from "./holds-task-lease.fixture.ts";
import { createTaskLeases } from "./task-leases.ts";

/**
 * A worker as a process of its own: `node task-worker.fixture.ts URL PREFIX LEASE_MS`. While it holds the task it writes, each few
 * milliseconds, its fence to the LIST `PREFIX:written`: by a script that checks the fence, where `isHeld` says that it holds the task.
 * It counts in `PREFIX:refused` what the script refused.
 */
const [url = "", prefix = "", leaseMs = ""] = process.argv.slice(2);

const write = `${holdsTaskLease}
  if not holds_task_lease(KEYS[1], ARGV[1], ARGV[2]) then return redis.call('INCR', KEYS[1] .. 'refused') end
  return redis.call('RPUSH', KEYS[1] .. 'written', ARGV[2])`;

const redis = connectWorker(url, () => {});
await untilConnected(redis, 5_000);
const keys = createKeys(prefix);
const leases = createTaskLeases({ redis, keys, log: { warn: () => {} }, leaseMs: Number(leaseMs), renewEveryMs: 100 });
leases.own({
  kind: "write",
  parts: ["all"],
  everyMs: 10,
  async tick({ task, fence, isHeld }) {
    while (isHeld()) {
      await redis.eval(write, 1, keys.root, task, fence);
      await pause(5);
    }
  },
  onError: (error) => process.stderr.write(`${String(error)}\n`),
});
process.once("SIGTERM", () => void leases.close().then(() => redis.disconnect()));
process.stdout.write("started\n");
