import { once } from "node:events";
import { freePort, startClusterPair, startRedis, startSentinel } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { checkRedis } from "../check-redis.ts";
import { connectProducer, connectSubscriber, connectWorker, untilConnected } from "../redis-connections.ts";
import { startFakeSentinel } from "./fake-sentinel.fixture.ts";

const ignore = () => {};
const key = "{darkroom}:news";
const names = { keys: ["{darkroom}:probe", "{darkroom}:lane:probe"], channel: "{darkroom}:replies:probe" } as const;
const patience = 10_000;

async function openPair() {
  const pair = await startClusterPair("{darkroom}");
  onTestFinished(pair.stop);
  return pair;
}

test("in a cluster every connection comes to the node that owns the slot, whichever node is named", async () => {
  const { owner, replica } = await openPair();
  const { port } = replica;
  await checkRedis(replica.url, { names, requireNoEviction: true, log: { warn: ignore } });
  // What the check has learned the others know.
  const worker = connectWorker(replica.url, ignore);
  onTestFinished(() => worker.disconnect());
  await untilConnected(worker, patience);
  expect(await worker.set(key, "1")).toBe("OK");
  expect([port, worker.options.port]).toEqual([port, owner.port]);
});

test("when a replica has taken over, workers, producers and subscribers find it", async () => {
  const { owner, replica, takeOver } = await openPair();
  const url = `redis://127.0.0.1:${owner.port},127.0.0.1:${replica.port}`;
  const worker = connectWorker(url, ignore);
  const producer = connectProducer(url, ignore);
  const subscriber = connectSubscriber(url, ignore);
  const all = [worker, producer, subscriber];
  onTestFinished(() => all.forEach((one) => one.disconnect()));
  await Promise.all(all.map(async (one) => untilConnected(one, patience)));
  await subscriber.subscribe(key);
  await worker.set(key, "before");
  // What the replica has not got is lost with the owner.
  expect(await worker.wait(1, patience)).toBe(1);

  await owner.kill();
  await takeOver();
  expect(await worker.get(key)).toBe("before");
  await expect.poll(() => producer.get(key).catch(String)).toBe("before");
  const heard = once(subscriber, "message");
  await expect.poll(() => producer.publish(key, "after").catch(() => 0)).toBeGreaterThan(0);
  expect(await heard).toEqual([key, "after"]);
});

test("when an owner gives its slot away and lives on, its connections move, subscribers too", async () => {
  const { owner, replica, takeOver } = await openPair();
  const worker = connectWorker(owner.url, ignore);
  const subscriber = connectSubscriber(owner.url, ignore);
  onTestFinished(() => [worker, subscriber].forEach((one) => one.disconnect()));
  await Promise.all([worker, subscriber].map(async (one) => untilConnected(one, patience)));
  await worker.set(key, "1");
  await takeOver();
  // The one that is answered MOVED fails, and takes all others along.
  await expect.poll(() => worker.set(key, "2").catch(String)).toBe("OK");
  await expect.poll(() => subscriber.options.port).toBe(replica.port);
  expect(worker.options.port).toBe(replica.port);
});

test("of several nodes one that is away is passed over", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const worker = connectWorker(`redis://127.0.0.1:${await freePort()},127.0.0.1:${server.port}`, ignore);
  onTestFinished(() => worker.disconnect());
  expect(await worker.ping()).toBe("PONG");
});

test("an address that led to a primary which is a replica now is looked up again", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const worker = connectWorker(server.url, ignore);
  onTestFinished(() => worker.disconnect());
  await untilConnected(worker, patience);
  await worker.replicaof("127.0.0.1", 1);
  const reconnected = once(worker, "ready");
  await expect(worker.set(key, "1")).rejects.toThrow("READONLY");
  await reconnected;
});

test("every connection that has reached a replica looks again, and none waits for another", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const all = Array.from({ length: 5 }, () => connectWorker(server.url, ignore));
  onTestFinished(() => all.forEach((one) => one.disconnect()));
  await Promise.all(all.map(async (one) => untilConnected(one, patience)));
  await all[0]?.replicaof("127.0.0.1", 1);
  const reconnected = Promise.all(all.map((one) => once(one, "ready")));
  const answers = await Promise.allSettled(all.map((one) => one.set(key, "1")));
  expect(answers.map(({ status }) => status)).toEqual(all.map(() => "rejected"));
  await reconnected;
});

test("a node that names the owner by a host name that it does not know leads to its own host", async () => {
  const { owner, replica } = await openPair();
  const other = connectWorker(replica.url, ignore);
  onTestFinished(() => other.disconnect());
  await untilConnected(other, patience);
  await other.config("SET", "cluster-preferred-endpoint-type", "hostname");
  await expect(other.set(key, "1")).rejects.toThrow(/^MOVED \d+ \?:/);
  await expect.poll(() => other.set(key, "2").catch(String)).toBe("OK");
  expect(other.options.port).toBe(owner.port);
});

test.each([
  ["other?sentinel_password=secret", "is not known to them by that name. Write the name"],
  ["watched?sentinel_password=wrong", "cannot be asked for: the Sentinels refuse the user or the password"],
  ["watched", "cannot be asked for: the Sentinels refuse the user or the password"],
])("what is wrong with the Sentinels of a start is said: /%s", async (path, message) => {
  const primary = await startRedis({ persist: false });
  onTestFinished(primary.stop);
  const { port, stop } = await startSentinel(primary, { password: "secret" });
  onTestFinished(stop);
  const url = `redis-sentinel://127.0.0.1:${port}/${path}`;
  const check = checkRedis(url, { names, requireNoEviction: true, log: { warn: ignore } });
  await expect(check).rejects.toThrow(`Redis "${path.split("?")[0]}" of the Sentinels at 127.0.0.1:${port} ${message}`);
});

/** A connection by a Sentinel that holds its answers back, whose primary was just lost: the connection asks for another. */
async function openLooking() {
  const primary = await startRedis({ persist: false });
  onTestFinished(primary.stop);
  const sentinel = await startFakeSentinel(primary);
  onTestFinished(sentinel.close);
  const worker = connectWorker(`redis-sentinel://127.0.0.1:${sentinel.port}/watched`, ignore);
  onTestFinished(() => worker.disconnect());
  await untilConnected(worker, patience);
  await sentinel.untilSubscribed();
  const { asked, answer } = sentinel.hold();
  worker.stream.destroy();
  await asked;
  return { sentinel, worker, answer };
}

test("a connection that looks for the primary when a Sentinel tells of a failover looks again, and is not lost", async () => {
  const { sentinel, worker, answer } = await openLooking();
  const pinged = worker.ping();
  await sentinel.tellFailover();
  answer();
  expect(await pinged).toBe("PONG");
  // The next one, too.
  await sentinel.untilSubscribed();
  const reconnected = once(worker, "ready");
  await sentinel.tellFailover();
  await reconnected;
});

test("a connection that its owner closes while it looks for the primary stays closed", async () => {
  const { worker, answer } = await openLooking();
  const ended = once(worker, "end");
  worker.disconnect();
  answer();
  await ended;
  await expect(worker.ping()).rejects.toThrow("Connection is closed");
});
