import { newGenerationId } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { listGenerations, type ListOptions } from "./list-generations.ts";
import { openQueue } from "../queue.fixture.ts";

async function withFive() {
  const queue = await openQueue();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    // Within one millisecond the ids decide, so these sort as they are counted.
    const given = queue.submission({ id: newGenerationId(i), model: i % 2 === 0 ? "even" : "odd" });
    await queue.generations.submit(given);
    ids.push(given.id);
  }
  await queue.generations.submit(queue.submission({ tenant: "other" }));
  const list = async (over: Partial<ListOptions> = {}) => {
    const page = await listGenerations(queue.redis, queue.keys, { tenant: "acme", limit: 10, ...over });
    return page && { ids: page.records.map(({ id }) => ids.indexOf(id)), hasMore: page.hasMore, cursor: page.cursor };
  };
  return { queue, ids, list };
}

describe("a tenant's generations", () => {
  test("are its own, newest first", async () => {
    const { list } = await withFive();
    expect(await list()).toMatchObject({ ids: [4, 3, 2, 1, 0], hasMore: false });
  });

  test("come in pages that neither skip nor repeat, though new ones arrive in between", async () => {
    const { queue, ids, list } = await withFive();
    expect(await list({ limit: 2 })).toMatchObject({ ids: [4, 3], hasMore: true });
    await queue.generations.submit(queue.submission());
    expect(await list({ limit: 2, after: ids[3] })).toMatchObject({ ids: [2, 1], hasMore: true });
    expect(await list({ limit: 2, after: ids[1] })).toMatchObject({ ids: [0], hasMore: false });
  });

  test("go backwards with before", async () => {
    const { ids, list } = await withFive();
    expect(await list({ limit: 2, before: ids[1] })).toMatchObject({ ids: [3, 2], hasMore: true });
    expect(await list({ limit: 9, before: ids[2] })).toMatchObject({ ids: [4, 3], hasMore: false });
  });

  test("can be asked for by model and status", async () => {
    const { queue, ids, list } = await withFive();
    await queue.generations.cancel(ids[0] ?? "", "sandbox.interactive");
    expect(await list({ model: "even" })).toMatchObject({ ids: [4, 2, 0] });
    expect(await list({ model: "even", status: "canceled" })).toMatchObject({ ids: [0] });
    expect(await list({ model: "" })).toMatchObject({ ids: [] });
  });

  test("go on behind one that was dropped since, in both directions", async () => {
    const queue = await openQueue({ retention: { recordsMs: 1, claimsMs: 1, tombstonesMs: 1 } });
    const ids = [0, 1, 2].map((ms) => newGenerationId(ms));
    for (const id of ids) await queue.generations.submit(queue.submission({ id }));
    const [oldest, dropped = "", newest] = ids;
    await queue.generations.cancel(dropped, "sandbox.interactive");
    await expect
      .poll(async () => {
        await queue.removal().tick();
        return queue.generations.read(dropped);
      })
      .toBeNull();
    const list = async (over: Partial<ListOptions>) => {
      const page = await listGenerations(queue.redis, queue.keys, { tenant: "acme", limit: 10, ...over });
      return page?.records.map(({ id }) => id);
    };
    expect(await list({ after: dropped })).toEqual([oldest]);
    expect(await list({ before: dropped })).toEqual([newest]);
    expect(await list({ after: dropped, tenant: "other" })).toBeUndefined();
  });

  test.each([
    ["a parameter of tomorrow", "upstream", '{"model":"m","parameters":{"of_tomorrow":1}}'],
    ["a status of tomorrow", "status", "paused"],
    ["a failure of tomorrow", "error", '{"code":"of_tomorrow","message":"It broke.","more":1}'],
    ["a field of tomorrow", "of_tomorrow", "1"],
  ])("show a record with %s beside all others", async (_, field, value) => {
    const { queue, ids, list } = await withFive();
    await queue.redis.hset(queue.keys.record(ids[2] ?? ""), field, value);
    expect(await list({ limit: 3 })).toEqual({ ids: [4, 3, 2], hasMore: true, cursor: ids[2] });
  });

  test.each([
    ["a delivery of another form", "delivery", "{}"],
    ["an upstream of another form", "upstream", '{"model":"m"}'],
    ["what is no JSON", "upstream", "{"],
  ])("leave out a record with %s, and show all others", async (_, field, value) => {
    const { queue, ids, list } = await withFive();
    await queue.redis.hset(queue.keys.record(ids[2] ?? ""), field, value);
    expect(await list({ limit: 3 })).toEqual({ ids: [4, 3, 1], hasMore: true, cursor: ids[1] });
    expect(await list({ limit: 3, after: ids[2] })).toMatchObject({ ids: [1, 0], hasMore: false });
    const page = await listGenerations(queue.redis, queue.keys, { tenant: "acme", limit: 10 });
    expect(page?.unreadable.map(({ id }) => id)).toEqual([ids[2]]);
  });

  test("cannot be continued from another's id", async () => {
    const { list } = await withFive();
    expect(await list({ after: "gen_none" })).toBeNull();
  });
});
