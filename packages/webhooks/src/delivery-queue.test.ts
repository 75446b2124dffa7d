import { startRedis } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { createDeliveryQueue, type TakenDelivery } from "./delivery-queue.ts";
import { openWebhooks } from "./open-webhooks.fixture.ts";
import { createWebhookSlots, type WebhookSlots } from "./webhook-slots.ts";

type TestWebhooks = Awaited<ReturnType<typeof openWebhooks>>;

const lineOf = (queue: TestWebhooks, leaseMs = 60_000) => createDeliveryQueue({ ...queue, leaseMs });

/** Takes what there is for the slots, and holds those. */
async function takeFor(line: ReturnType<typeof lineOf>, slots: WebhookSlots): Promise<TakenDelivery[]> {
  const { taken } = await line.take(slots);
  for (const one of taken) slots.hold(one);
  return taken;
}

async function takeOne(line: ReturnType<typeof lineOf>): Promise<TakenDelivery> {
  const { taken } = await line.take(createWebhookSlots(1, 1));
  const [one] = taken;
  if (one === undefined) throw new Error("Nothing was taken");
  return one;
}

/** The names of all that makes the line, and is no record. */
async function linesOf({ redis, keys }: TestWebhooks): Promise<string[]> {
  const names = await redis.keys(`${keys.root}delivery-*`);
  return names.filter((name) => !name.startsWith(keys.deliveryIndex("")));
}

/** As when the time of all that is on the list has come. */
async function letTimePass({ redis, keys }: TestWebhooks): Promise<void> {
  for (const id of await redis.zrange(keys.deliveries, "0", "-1")) await redis.zadd(keys.deliveries, 0, id);
}

describe("the order", () => {
  test("tenants are served in turn, and each in the order of its deliveries", async () => {
    const queue = await openWebhooks();
    const many: string[] = [];
    for (let i = 0; i < 5; i++) many.push(await queue.waiting("a", `https://${i % 2}.example/hook`));
    const few = [await queue.waiting("b"), await queue.waiting("b")];
    const line = lineOf(queue);
    const order: string[] = [];
    for (let i = 0; i < 7; i++) order.push((await takeOne(line)).id);
    expect(order).toEqual([many[0], few[0], many[1], few[1], many[2], many[3], many[4]]);
    expect(await linesOf(queue)).toEqual([]);
  });

  test("one that comes late waits behind nobody's backlog", async () => {
    const queue = await openWebhooks();
    const line = lineOf(queue);
    for (let i = 0; i < 30; i++) await queue.waiting("many");
    for (let i = 0; i < 10; i++) await takeOne(line);
    const late = await queue.waiting("late");
    const next = [(await takeOne(line)).id, (await takeOne(line)).id];
    expect(next).toContain(late);
  });
});

describe("the slots", () => {
  test("one tenant holds a quarter of those that are free, and a newcomer beside ten such tenants finds one", async () => {
    const queue = await openWebhooks();
    const line = lineOf(queue);
    const slots = createWebhookSlots(50, 4);
    for (let tenant = 0; tenant < 10; tenant++) {
      for (let i = 0; i < 20; i++) await queue.waiting(`hanging-${tenant}`, `https://of${i}-${tenant}.example/hook`);
      expect((await takeFor(line, slots)).length).toBeGreaterThan(0);
      expect(slots.byTenant.get(`hanging-${tenant}`)).toBeLessThanOrEqual(50 / 4);
    }
    expect(slots.byTenant.get("hanging-0")).toBe(10);
    const late = await queue.waiting("late");
    expect((await takeFor(line, slots)).map(({ id }) => id)).toEqual([late]);
  });

  test("one origin holds four, whatever names, ports and tenants they come from", async () => {
    const queue = await openWebhooks();
    for (let i = 0; i < 6; i++) await queue.waiting("one", `https://name-${i}.example.com:${8_000 + i}/hook`);
    for (let i = 0; i < 6; i++) await queue.waiting("two", `https://other-${i}.example.com/hook`);
    const elsewhere = await queue.waiting("two", "https://example.org/hook");
    const slots = createWebhookSlots(50, 4);
    const taken = await takeFor(lineOf(queue), slots);
    expect(Object.fromEntries(slots.byOrigin())).toEqual({ "example.com": 4, "example.org": 1 });
    expect(Object.fromEntries(slots.byTenant)).toEqual({ one: 2, two: 3 });
    expect(taken.map(({ id }) => id)).toContain(elsewhere);
  });

  test("fifty are taken by one script, and the next script goes on", async () => {
    const queue = await openWebhooks();
    const line = lineOf(queue);
    for (let i = 0; i < 60; i++) await queue.waiting(`tenant-${i}`, `https://of-${i}.example/hook`);
    const slots = createWebhookSlots(1_000, 4);
    const first = await line.take(slots);
    expect([first.taken.length, first.more, first.waiting]).toEqual([50, true, true]);
    const second = await line.take(slots);
    expect([second.taken.length, second.more, second.waiting]).toEqual([10, false, false]);
  });

  test("what an older release has written down is counted by its host and port", async () => {
    const queue = await openWebhooks();
    const id = await queue.waiting("one", "https://example.com:8443/hook");
    await queue.redis.hdel(queue.keys.delivery(id), "origin");
    await queue.redis.del(await linesOf(queue));
    await letTimePass(queue);
    expect(await takeOne(lineOf(queue))).toMatchObject({ id, origin: "example.com:8443" });
  });
});

describe("what was taken", () => {
  test("is another's when the lease is over, and what comes of the first take is not believed", async () => {
    const queue = await openWebhooks();
    const id = await queue.waiting("one");
    const line = lineOf(queue);
    const frozen = await takeOne(line);
    await letTimePass(queue);
    const second = await takeOne(line);
    expect(second).toMatchObject({ id, take: "2" });
    expect(await line.renew([frozen, second])).toEqual([frozen]);
    expect(await line.finish(frozen, { status: "dead", attempts: 1, lastAnswer: "It answered 500." })).toBe("lost");
    expect(await line.finish(second, { status: "delivered", attempts: 1, lastAnswer: "It answered 200." })).toBe("ok");
    expect(await line.finish(frozen, { status: "again", pauseMs: 0, attempts: 1 })).toBe("lost");
    expect(await line.finish(frozen, { status: "dead", attempts: 1, lastAnswer: "It answered 500." })).toBe("lost");
    expect(await queue.webhooks.read(id)).toMatchObject({ status: "delivered", lastAnswer: "It answered 200." });
    expect(await queue.redis.exists(queue.keys.deliveries)).toBe(0);
  });

  test("is delivered where the first take was accepted after all", async () => {
    const queue = await openWebhooks();
    const id = await queue.waiting("one");
    const line = lineOf(queue);
    const frozen = await takeOne(line);
    await letTimePass(queue);
    const second = await takeOne(line);
    expect(await line.finish(second, { status: "again", pauseMs: 60_000, attempts: 1 })).toBe("ok");
    expect(await line.finish(frozen, { status: "delivered", attempts: 1 })).toBe("ok");
    expect(await queue.webhooks.read(id)).toMatchObject({ status: "delivered" });
  });

  test("is not attempted again before its time", async () => {
    const queue = await openWebhooks();
    await queue.waiting("one");
    const line = lineOf(queue);
    await line.finish(await takeOne(line), { status: "again", pauseMs: 60_000, attempts: 1 });
    expect(await line.take(createWebhookSlots(9, 9))).toMatchObject({ taken: [] });
    await letTimePass(queue);
    expect(await takeOne(line)).toMatchObject({ take: "2" });
  });
});

describe("a lease that is over while no worker has a slot", () => {
  /** A delivery that was taken, and is put in line because its lease is over. */
  async function openInLine() {
    const queue = await openWebhooks();
    const id = await queue.waiting("one");
    const line = lineOf(queue);
    const taken = await takeOne(line);
    await letTimePass(queue);
    await line.take(createWebhookSlots(0, 0));
    expect(await linesOf(queue)).not.toEqual([]);
    return { queue, line, id, taken };
  }

  test("is had again by its worker, and no other posts the delivery beside it", async () => {
    const { queue, line, taken } = await openInLine();
    expect(await line.renew([taken])).toEqual([]);
    expect(await linesOf(queue)).toEqual([]);
    expect(await line.take(createWebhookSlots(9, 9))).toMatchObject({ taken: [] });
  });

  test("has no delivery attempted before the time that its worker noted", async () => {
    const { queue, line, id, taken } = await openInLine();
    const behind = await queue.waiting("one");
    expect(await line.finish(taken, { status: "again", pauseMs: 60_000, attempts: 1 })).toBe("ok");
    expect((await takeOne(line)).id).toBe(behind);
    expect(await line.take(createWebhookSlots(9, 9))).toMatchObject({ taken: [] });
    await letTimePass(queue);
    const { taken: later } = await line.take(createWebhookSlots(9, 9));
    expect(later.map((one) => one.id)).toContain(id);
  });
});

describe("a result whose answer was lost", () => {
  const results = [{ status: "delivered" }, { status: "dead" }, { status: "off" }] as const;

  test.each(results)("is noted as $status when it is told again", async (result) => {
    const queue = await openWebhooks();
    await queue.waiting("one");
    const line = lineOf(queue);
    const taken = await takeOne(line);
    expect([await line.finish(taken, result), await line.finish(taken, result)]).toEqual(["ok", "ok"]);
  });

  test.each(results)("and is told again as $status after a replay leaves the replay in line", async (result) => {
    const queue = await openWebhooks();
    const id = await queue.waiting("one");
    const line = lineOf(queue);
    const taken = await takeOne(line);
    await line.finish(taken, result);
    expect(await queue.webhooks.revive(id)).toBe(true);
    expect(await line.renew([taken])).toEqual([taken]);
    expect(await line.finish(taken, result)).toBe("lost");
    const replayed = await takeOne(line);
    expect(replayed.id).toBe(id);
    expect(await line.finish(taken, result)).toBe("lost");
    expect(await line.finish(replayed, { status: "delivered", attempts: 1 })).toBe("ok");
  });
});

test.each([{ status: "delivered" }, { status: "again", pauseMs: 60_000 }] as const)(
  "a result ($status) is noted by a Redis without memory: the webhook would be posted again",
  async (result) => {
    const server = await startRedis({ persist: false });
    onTestFinished(server.stop);
    const queue = await openWebhooks({ url: server.url });
    const id = await queue.waiting("one");
    const line = lineOf(queue);
    const taken = await takeOne(line);
    await queue.redis.config("SET", "maxmemory", 1);
    expect(await line.renew([taken])).toEqual([]);
    expect(await line.finish(taken, { ...result, attempts: 1 })).toBe("ok");
    await queue.redis.config("SET", "maxmemory", 0);
    expect(await queue.webhooks.read(id)).toMatchObject({ attempts: 1 });
  },
);

describe("what is lost", () => {
  test("is found among all deliveries, not among the oldest", async () => {
    const queue = await openWebhooks();
    const ids = new Set<string>();
    for (let i = 0; i < 250; i++) ids.add(await queue.waiting("one"));
    await queue.redis.del(await linesOf(queue));
    await letTimePass(queue);
    const line = lineOf(queue);
    const found = new Set<string>();
    for (let i = 0; i < ids.size; i++) found.add((await takeOne(line)).id);
    expect(found).toEqual(ids);
  });

  test("an index that was lost is made again while its line is there", async () => {
    const queue = await openWebhooks();
    const id = await queue.waiting("one");
    await queue.redis.del(`${queue.keys.root}delivery-tenants`, `${queue.keys.root}delivery-origins:one`);
    await letTimePass(queue);
    expect(await takeOne(lineOf(queue))).toMatchObject({ id });
  });
});

test.each([
  ["has no tenant", ({ redis, keys }: TestWebhooks, id: string) => redis.hdel(keys.delivery(id), "tenant")],
  [
    "is of another type",
    async ({ redis, keys }: TestWebhooks, id: string) => {
      await redis.del(keys.delivery(id));
      await redis.set(keys.delivery(id), "damaged");
    },
  ],
])("a delivery whose record %s holds up no other", async (_, damage) => {
  const queue = await openWebhooks();
  const damaged = await queue.waiting("one");
  const whole = await queue.waiting("two");
  await damage(queue, damaged);
  await letTimePass(queue);
  const { taken, unreadable } = await lineOf(queue).take(createWebhookSlots(9, 9));
  expect({ unreadable, taken: taken.map(({ id }) => id).filter((id) => id !== damaged) }).toEqual({
    unreadable: [damaged],
    taken: [whole],
  });
  queue.openWorker();
  await letTimePass(queue);
  await expect
    .poll(() => queue.quarantine.list({ limit: 10 }))
    .toMatchObject([{ kind: "webhook-delivery", subject: damaged, droppable: true }]);
});

test("a delivery that could be read and posted leaves the quarantine, also where it is to be posted again", async () => {
  const queue = await openWebhooks();
  const id = await queue.waiting("acme");
  await queue.quarantine.setAside({ kind: "webhook-delivery", id, error: new Error("It cannot be read.") });
  const line = lineOf(queue);
  const taken = await takeOne(line);
  expect(await line.finish(taken, { status: "again", pauseMs: 60_000, attempts: 1 })).toBe("ok");
  expect(await queue.quarantine.list({ limit: 10 })).toEqual([]);
});

test("the list of a tenant's deliveries goes thirty days after its latest", async () => {
  const queue = await openWebhooks();
  await queue.waiting("acme");
  const leftMs = await queue.redis.pttl(queue.keys.deliveryIndex("acme"));
  expect(leftMs).toBeGreaterThan(29 * 86_400_000);
  expect(leftMs).toBeLessThanOrEqual(30 * 86_400_000);
});
