import { once } from "node:events";
import { ownStalledChecks, workOffLane } from "@darkroom/queue";
import { connectWorker, createTaskLeases } from "@darkroom/redis";
import { monitorRedis, startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openQueue } from "../queue.fixture.ts";

const lane = "sandbox.interactive";
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** A fleet of workers that can check the lane. */
async function openFleet({ everyMs }: { everyMs: number }) {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const queue = await openQueue({ url: server.url });
  const { keys } = queue;

  function connect() {
    const redis = connectWorker(server.url, () => {});
    onTestFinished(() => redis.disconnect());
    return redis;
  }

  function join() {
    const redis = connect();
    const leases = createTaskLeases({ redis, keys, log, leaseMs: 1_000, renewEveryMs: 50 });
    onTestFinished(() => leases.close());
    return {
      leases,
      checks: ownStalledChecks({ leases, kind: "stalled-check", lanes: [lane], everyMs, redis, keys, log }),
    };
  }

  /** Works the lane off until the test is over. */
  function work(redis: ReturnType<typeof connect>, run: Parameters<typeof workOffLane>[1]) {
    const { close } = workOffLane({ redis, keys, lane, concurrency: 1, lockDurationMs: 600, log }, run);
    onTestFinished(() => close(0));
  }

  return { server, queue, connect, join, work };
}

test("one worker of a fleet checks a lane, and the others do not ask whether it was checked", async () => {
  const { server, join } = await openFleet({ everyMs: 100 });
  const fleet = [join(), join(), join()];
  await expect.poll(() => fleet.flatMap(({ checks }) => checks.parts())).toEqual([lane]);
  let [asked, made] = [0, 0];
  const monitor = await monitorRedis(server.url, ({ words: [name = "", key = ""] }) => {
    if (!key.endsWith(":stalled-check")) return;
    if (name.toLowerCase() === "exists") asked++;
    else made++;
  });
  onTestFinished(monitor.close);
  await expect.poll(() => made).toBeGreaterThanOrEqual(10);
  // Where all three ask, it is three times as often.
  expect(asked).toBeLessThan(1.5 * made);
});

test("a job whose worker fell silent is begun again, also when the worker has stopped that checked its lane", async () => {
  const { queue, connect, join, work } = await openFleet({ everyMs: 50 });
  const fleet = [join(), join()];
  await expect.poll(() => fleet.flatMap(({ checks }) => checks.parts())).toEqual([lane]);
  const silent = connect();
  const held = Promise.withResolvers<string>();
  work(silent, async (id, signal) => {
    held.resolve(id);
    await once(signal, "abort");
    return null;
  });
  await queue.lanes.add(lane, "job-1", 1);
  await held.promise;
  silent.disconnect();
  for (const { leases, checks } of fleet) {
    if (checks.parts().length === 0) continue;
    await leases.close();
    break;
  }
  const again = Promise.withResolvers<string>();
  work(connect(), async (id) => {
    again.resolve(id);
    return null;
  });
  expect(await again.promise).toBe("job-1");
});
