import { describe, expect, test } from "vitest";
import { openWebhooks } from "./open-webhooks.fixture.ts";

type TestWebhooks = Awaited<ReturnType<typeof openWebhooks>>;

/** A store of generations that notes which are read. */
function noteReads({ generations }: TestWebhooks) {
  const read: string[] = [];
  const noting = {
    read: (id: string) => {
      read.push(id);
      return generations.read(id);
    },
  };
  return { read, generations: noting };
}

async function endMany(queue: TestWebhooks, count: number, tenant: string): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 20)
    ids.push(...(await Promise.all(Array.from({ length: 20 }, () => queue.ended({}, tenant)))));
  return ids;
}

test("two workers hand over endings of their own, none twice", async () => {
  const queue = await openWebhooks();
  const ids = await endMany(queue, 240, "acme");
  const [one, other] = [noteReads(queue), noteReads(queue)];
  await Promise.all([queue.openDispatcher(one).tick(), queue.openDispatcher(other).tick()]);
  expect(one.read.length + other.read.length).toBe(ids.length);
  expect(new Set([...one.read, ...other.read]).size).toBe(ids.length);
  expect(one.read.length).toBeGreaterThan(0);
  expect(other.read.length).toBeGreaterThan(0);
  expect(await queue.redis.exists(queue.keys.outbox)).toBe(0);
  expect(await queue.redis.zcard(queue.keys.deliveries)).toBe(ids.length);
});

test("what has just ended does not wait behind thousands of endings of another tenant", async () => {
  const queue = await openWebhooks();
  await endMany(queue, 240, "many");
  const late = await queue.ended({}, "late");
  const reads = noteReads(queue);
  await queue.openDispatcher(reads).tick();
  const place = reads.read.indexOf(late.replace(/^msg_(.*)_3$/, "gen_$1"));
  expect(place).toBeGreaterThan(-1);
  expect(place).toBeLessThan(100);
});

test("an ending that the dispatcher is told of is handed over at once", async () => {
  const queue = await openWebhooks();
  const handedOver = Promise.withResolvers<void>();
  const dispatcher = queue.openDispatcher({ everyMs: 3_600_000, onHandedOver: handedOver.resolve });
  const id = await queue.ended();
  dispatcher.wake();
  await handedOver.promise;
  expect(await queue.webhooks.read(id)).toMatchObject({ status: "pending" });
});

test("what a worker has claimed that died is handed over by another", async () => {
  const queue = await openWebhooks();
  const id = await queue.ended();
  const dying = { read: () => Promise.reject(new Error("killed")) };
  await expect(queue.openDispatcher({ generations: dying }).tick()).rejects.toThrow("killed");
  await queue.dispatcher.tick();
  expect(await queue.webhooks.read(id)).toBeNull();
  const [entry = ""] = await queue.redis.zrange(queue.keys.outbox, "0", "-1");
  await queue.redis.zadd(queue.keys.outbox, 0, entry);
  await queue.dispatcher.tick();
  expect(await queue.webhooks.read(id)).toMatchObject({ status: "pending" });
});

test("an ending that is noted far ahead, by a clock that was set back since, is handed over", async () => {
  const queue = await openWebhooks();
  const id = await queue.ended();
  const [entry = ""] = await queue.redis.zrange(queue.keys.outbox, "0", "-1");
  await queue.redis.zadd(queue.keys.outbox, Date.now() + 7_200_000, entry);
  await queue.dispatcher.tick();
  expect(await queue.webhooks.read(id)).toMatchObject({ status: "pending" });
});

describe("an ending that cannot be read", () => {
  const recordOf = ({ keys }: TestWebhooks, id: string) => keys.record(id.replace(/^msg_(.*)_3$/, "gen_$1"));

  test.each([
    [
      "with a delivery of another release",
      async (queue: TestWebhooks, id: string) => queue.redis.hset(recordOf(queue, id), "delivery", '{"of_tomorrow":1}'),
    ],
    [
      "of another type",
      async (queue: TestWebhooks, id: string) => {
        await queue.redis.del(recordOf(queue, id));
        await queue.redis.set(recordOf(queue, id), "damaged");
      },
    ],
    [
      "with a URL that none is",
      async (queue: TestWebhooks, id: string) => {
        const request = JSON.parse((await queue.redis.hget(recordOf(queue, id), "request")) ?? "");
        const job = { ...request.job, webhook: "no URL" };
        await queue.redis.hset(recordOf(queue, id), "request", JSON.stringify({ ...request, job }));
      },
    ],
    [
      "with an ending of tomorrow",
      async (queue: TestWebhooks) => {
        const [entry = ""] = await queue.redis.zrange(queue.keys.outbox, "0", "0");
        await queue.redis.zrem(queue.keys.outbox, entry);
        await queue.redis.zadd(queue.keys.outbox, 0, entry.replace("succeeded", "superseded"));
      },
    ],
  ])("%s is set aside with its reason, told once, and holds up no other", async (_, damage) => {
    const queue = await openWebhooks();
    const damaged = await queue.ended();
    await damage(queue, damaged);
    const told = await queue.ended();
    await queue.dispatcher.tick();
    const [first] = await queue.quarantine.list({ limit: 10 });
    await queue.dispatcher.tick();
    expect(await queue.webhooks.read(told)).toMatchObject({ status: "pending" });
    expect(await queue.webhooks.read(damaged)).toBeNull();
    const [entry] = await queue.redis.zrange(queue.keys.outbox, "0", "-1");
    const aside = await queue.quarantine.list({ limit: 10 });
    expect(aside).toMatchObject([{ kind: "webhook-ending", subject: entry, sinceMs: first?.sinceMs, droppable: true }]);
    expect(await queue.quarantine.drop(first?.id ?? "")).toBe("dropped");
    expect(await queue.redis.exists(queue.keys.outbox)).toBe(0);
  });

  test("for what it does not need is handed over", async () => {
    const queue = await openWebhooks();
    const id = await queue.ended();
    const upstream = (await queue.redis.hget(recordOf(queue, id), "upstream")) ?? "";
    await queue.redis.hset(recordOf(queue, id), {
      upstream: upstream.replace("{", '{"of_tomorrow":true,'),
      field_of_tomorrow: "1",
    });
    await queue.dispatcher.tick();
    expect(await queue.webhooks.read(id)).toMatchObject({ status: "pending" });
    expect(await queue.quarantine.list({ limit: 10 })).toEqual([]);
  });

  test("is not looked at again for a while", async () => {
    const queue = await openWebhooks();
    const id = await queue.ended();
    await queue.redis.hset(recordOf(queue, id), "upstream", "{");
    const reads = noteReads(queue);
    const dispatcher = queue.openDispatcher({ ...reads, unreadableAfterMs: 60_000 });
    await dispatcher.tick();
    await dispatcher.tick();
    expect(reads.read).toHaveLength(1);
  });

  test("is forgotten when its record is not kept any more", async () => {
    const queue = await openWebhooks();
    const id = await queue.ended();
    await queue.redis.hset(recordOf(queue, id), "upstream", "{");
    await queue.dispatcher.tick();
    await queue.redis.del(recordOf(queue, id));
    await queue.dispatcher.tick();
    expect(await queue.redis.exists(queue.keys.outbox, queue.keys.quarantine)).toBe(0);
  });
});
