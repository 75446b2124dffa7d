import { createAccounts } from "@darkroom/accounts";
import { describe, expect, test } from "vitest";
import { live, openLane, work } from "../open-lane.fixture.ts";
import { aBatch } from "./a-batch.fixture.ts";

const lane = "sandbox.batch";

/** A lane, and how many unfinished lines a tenant is said to have there. What its records say is compared each time. */
function openLines({ window = 300 } = {}) {
  const queue = openLane({ window });
  const { keyStore } = createAccounts({ redis: queue.redis, prefix: queue.keys.root.slice(0, -1) });
  return {
    ...queue,
    unfinished: async (tenant = "acme") => {
      const { lines } = await keyStore.readTenantUse(tenant);
      expect((await queue.batches.countLines()).get(tenant) ?? 0, "what the records say").toBe(lines);
      return lines;
    },
    /** A batch that waits to be accepted, and its acceptance. */
    created: async (total: number, mostLines: number, tenant = "acme") => {
      const batch = aBatch({ mostLines, tenant });
      await queue.batches.create(batch);
      return { id: batch.id, accept: () => queue.batches.accept(batch.id, { model: "m", lane, total, chunks: [0] }) };
    },
  };
}

describe("a limit of unfinished lines", () => {
  test("accepts exactly as many as have room, of batches that come together", async () => {
    const { created, unfinished } = openLines();
    const made = await Promise.all(Array.from({ length: 20 }, () => created(10, 65)));
    const answers = await Promise.all(made.map(({ accept }) => accept()));
    expect(answers.filter(({ kind }) => kind === "accepted")).toHaveLength(6);
    expect(answers.filter(({ kind }) => kind === "no_room")).toEqual(
      Array.from({ length: 14 }, () => ({ kind: "no_room", lines: 60 })),
    );
    expect(await unfinished()).toBe(60);
  });

  test("is each tenant's own, and an accepted batch counts once", async () => {
    const { created, unfinished } = openLines();
    const first = await created(10, 10);
    expect([await first.accept(), await first.accept()]).toEqual([{ kind: "accepted" }, { kind: "refused" }]);
    expect((await (await created(10, 10, "other")).accept()).kind).toBe("accepted");
    expect([await unfinished(), await unfinished("other")]).toEqual([10, 10]);
  });
});

describe("lines are given back", () => {
  test("as they are collected, and all of them by the end", async () => {
    const queue = openLines({ window: 100 });
    const id = await queue.begin(1_000);
    const round = queue.newRound();
    let before = await queue.unfinished();
    expect(before).toBe(1_000);
    while (!(await queue.read(id)).ready) {
      await round(live);
      await work(queue, id);
      const { completed, failed } = await queue.read(id);
      const after = await queue.unfinished();
      expect(after).toBe(1_000 - completed - failed);
      expect(after).toBeLessThanOrEqual(before);
      before = after;
    }
    expect(await queue.unfinished()).toBe(0);
  });

  test.each(["cancel", "overdue"] as const)("at once where they are not on the lane yet: %s", async (stop) => {
    const queue = openLines({ window: 100 });
    const id = await queue.begin(1_000);
    const round = queue.newRound();
    await round(live);
    expect((await queue.read(id)).fed).toBe(100);
    await queue.batches[stop](id, lane);
    expect(await queue.unfinished()).toBe(100);
    while (!(await queue.read(id)).ready) await round(live);
    const { completed, failed } = await queue.read(id);
    expect(completed + failed).toBe(100);
    expect(await queue.unfinished()).toBe(0);
    const counts = { outputFileId: null, errorFileId: null, completed: 0, failed: 1_000, usage: null };
    await queue.batches.finish(await queue.read(id), counts);
    expect(await queue.unfinished()).toBe(0);
  });

  test("where a process of an older release has collected them, at the end of the batch", async () => {
    const queue = openLines();
    const id = await queue.begin(3);
    const round = queue.newRound();
    await round(live);
    await work(queue, id);
    await round(live);
    expect(await queue.read(id)).toMatchObject({ ready: true, completed: 3 });
    // It has counted the lines of the batch, and not the sums.
    await queue.redis.hset(queue.keys.batch(id), "heldLines", 3);
    await queue.redis.hset(`${queue.keys.root}tenant-use:acme`, "lines", 3);
    const counts = { outputFileId: null, errorFileId: null, completed: 3, failed: 0, usage: null };
    await queue.batches.finish(await queue.read(id), counts);
    expect(await queue.unfinished()).toBe(0);
  });

  test("not by a batch of an older release, which has taken none", async () => {
    const queue = openLines();
    const [old, id] = [await queue.begin(3), await queue.begin(3)];
    await queue.redis.hdel(queue.keys.batch(old), "heldLines");
    await queue.redis.hset(`${queue.keys.root}tenant-use:acme`, "lines", 3);
    await queue.batches.cancel(old, lane);
    expect(await queue.unfinished()).toBe(3);
    await queue.batches.cancel(id, lane);
    expect(await queue.unfinished()).toBe(0);
  });
});

test("the count in the records passes over a batch whose record is of another type", async () => {
  const { begin, batches, redis, keys } = openLines();
  const damaged = await begin(2);
  await begin(3);
  await redis.set(keys.batch(damaged), "damaged");
  expect(await batches.countLines()).toEqual(new Map([["acme", 3]]));
});
