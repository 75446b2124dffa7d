import { once } from "node:events";
import { monitorRedis, startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { bill, delivery, openQueue, type TestQueue } from "../queue.fixture.ts";

const never = 3_600_000;

type Given = { id: string; lane: string };

const missing = { index: 1, code: "server_error", message: "It\tbroke.", mayHaveCharged: true } as const;

async function succeed({ attempts }: TestQueue, { id, lane }: { id: string; lane: string }) {
  await attempts.start(id, lane);
  await attempts.succeed(id, lane, 1, delivery, bill);
}

test("a caller that waits hears of the ending by message, long before a look at the record", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", never);
  const given = queue.submission({ caller: waits.newCaller() });
  const wait = waits.wait(given.id);
  await queue.generations.submit(given);
  await succeed(queue, given);
  expect(await wait.ended).toEqual(await queue.generations.read(given.id));
});

test("every ending brings the record as it is read after it", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", never);
  const request = { prompt: 'a "cat"\twith\na hat \u{1f3a9}', user: "a b", metadata: { "k\t": "ended" } };
  const webhook = { webhook: "https://example.com/a b", webhook_events: ["succeeded" as const] };
  const endings = {
    succeeded: async ({ id, lane }: Given) => {
      await queue.attempts.start(id, lane);
      await queue.attempts.checkpoint(id, 1, { ...delivery, images: [] }, [missing]);
      await queue.attempts.succeed(id, lane, 1, delivery, bill, [missing]);
    },
    failed: async ({ id, lane }: Given) => {
      await queue.attempts.start(id, lane);
      await queue.attempts.postpone(id, lane, 1, "failures", 0);
      await queue.attempts.start(id, lane);
      await queue.attempts.fail(id, lane, 2, { code: "server_error", message: "It\tbroke." });
    },
    canceled: async ({ id, lane }: Given) => void (await queue.generations.cancel(id, lane)),
    expired: async ({ id, lane }: Given) => {
      await expect.poll(() => queue.generations.expire(id, lane)).toBe("expired");
    },
  };
  for (const [status, end] of Object.entries(endings)) {
    const given = queue.submission({
      request: { ...request, job: webhook },
      caller: waits.newCaller(),
      watch: true,
      expiresInMs: status === "expired" ? 1 : 60_000,
      idempotencyKey: `key of ${status}`,
    });
    const wait = waits.wait(given.id);
    await queue.generations.submit(given);
    await end(given);
    const told = await wait.ended;
    expect(told).toMatchObject({ status, request: given.request });
    expect(told).toEqual(await queue.generations.read(given.id));
  }
});

test("a record that is too long for a message is left to be read", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", never);
  const given = queue.submission({ request: { prompt: "x".repeat(9_000) }, caller: waits.newCaller() });
  const wait = waits.wait(given.id);
  await queue.generations.submit(given);
  await succeed(queue, given);
  await expect(wait.ended).resolves.toBeUndefined();
});

test("a process of an older release is told the id alone, also where one of this release has its name", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", never);
  const given = queue.submission({ caller: `${waits.channel}/7`, forceNew: false, idempotencyKey: "k" });
  await queue.generations.submit(given);
  const again = queue.submission({ caller: waits.newCaller(), forceNew: false, idempotencyKey: "k" });
  expect(await queue.generations.submit(again)).toEqual({ kind: "attached", id: given.id });
  const messages: string[] = [];
  waits.subscriber.on("message", (_: string, message: string) => messages.push(message));
  await succeed(queue, given);
  await expect.poll(() => messages).toEqual([given.id]);
});

test("a message that this release cannot read wakes the caller all the same", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", never);
  for (const fields of ["", "id", "id\tgen_x\tstatus\tsucceeded", "id\tgen_x\tstatus\trunning", "status\tsucceeded"]) {
    const wait = waits.wait("gen_x");
    await queue.redis.publish(waits.channel, `gen_x ended ${fields}`);
    await expect(wait.ended).resolves.toBeUndefined();
  }
});

test("two who wait for the same generation both hear", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", never);
  const given = queue.submission({ caller: waits.newCaller() });
  const both = [waits.wait(given.id), waits.wait(given.id)];
  await queue.generations.submit(given);
  await succeed(queue, given);
  await expect(Promise.all(both.map((wait) => wait.ended))).resolves.toHaveLength(2);
});

test("an ending whose message was lost is found in the record", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", 20);
  const given = queue.submission();
  const wait = waits.wait(given.id);
  await queue.generations.submit(given);
  await succeed(queue, given);
  await expect(wait.ended).resolves.toBeUndefined();
});

test("a cut subscriber catches up as soon as it is back", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", never);
  const given = queue.submission({ caller: waits.newCaller() });
  const wait = waits.wait(given.id);
  await queue.generations.submit(given);
  const ended = once(waits.subscriber, "end");
  waits.subscriber.disconnect();
  await ended;
  await succeed(queue, given);
  await waits.subscriber.connect();
  await expect(wait.ended).resolves.toBeUndefined();
});

test("a record that is gone ends the wait: it will not end any more", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", 20, 0);
  await expect(waits.wait("gen_lost").ended).resolves.toBeUndefined();
});

test("a record that is not written yet does not end the wait", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", 5);
  const given = queue.submission({ caller: waits.newCaller() });
  let over = false;
  const ended = waits.wait(given.id).ended.then(() => (over = true));
  const other = queue.submission();
  await queue.generations.submit(other);
  await queue.generations.cancel(other.id, other.lane);
  await waits.wait(other.id).ended;
  expect(over).toBe(false);
  await queue.generations.submit(given);
  await queue.generations.cancel(given.id, given.lane);
  expect(await ended).toBe(true);
});

test("leaving forgets the wait", async () => {
  const queue = await openQueue();
  const waits = await queue.waits("a", never);
  const [first, second] = [waits.wait("gen_x"), waits.wait("gen_x")];
  first.leave();
  expect(waits.size).toBe(1);
  second.leave();
  expect(waits.size).toBe(0);
});

/** Waits for a generation that has been submitted, and counts how often its record is looked at. */
async function countLooks(firstPauseMs: number) {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const queue = await openQueue({ url: server.url });
  let looks = 0;
  const monitor = await monitorRedis(server.url, ({ words: [name = "", key] }) => {
    if (name.toLowerCase() === "hget" && key === queue.keys.record(given.id)) looks++;
  });
  onTestFinished(monitor.close);
  const waits = await queue.waits("a", firstPauseMs);
  const given = queue.submission({ caller: waits.newCaller() });
  const begunMs = performance.now();
  const unwatch = waits.watch(given.id, () => {});
  onTestFinished(() => void unwatch());
  const wait = waits.wait(given.id);
  await queue.generations.submit(given);
  return { queue, given, waits, wait, looks: () => looks, sinceMs: () => performance.now() - begunMs };
}

test("the record of a wait is looked at less and less often", async () => {
  const { looks, sinceMs } = await countLooks(10);
  // After 10, 20, 40, 80, 160 and 320 ms.
  await expect.poll(looks).toBeGreaterThanOrEqual(6);
  // The pauses before a number of looks add up to ten milliseconds times as many powers of two. One more may be due.
  expect(looks()).toBeLessThanOrEqual(Math.log2(sinceMs() / 10 + 1) + 1);
});

test("the record of a wait is looked at at once when a connection is back", async () => {
  const { queue, given, waits, wait } = await countLooks(3_600_000);
  const ended = once(waits.subscriber, "end");
  waits.subscriber.disconnect();
  await ended;
  await succeed(queue, given);
  // Nothing tells of the ending any more, and the next look is an hour away.
  await waits.subscriber.connect();
  await expect(wait.ended).resolves.toBeUndefined();
});
