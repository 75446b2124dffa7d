import { describe, expect, test } from "vitest";
import { jsonl, openFiles, tenant } from "./files.fixture.ts";

describe("a list", () => {
  async function withFive() {
    const opened = openFiles();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      const purpose = i % 2 === 0 ? ("batch" as const) : ("batch_output" as const);
      ids.push((await opened.files.create({ ...jsonl("{}"), purpose })).id);
      opened.pass(1);
    }
    const list = async (
      over: { order?: "asc"; limit?: number; after?: string; purpose?: "batch"; of?: string } = {},
    ) => {
      const { of: whose = tenant, order = "desc", limit = 10, ...rest } = over;
      const page = await opened.files.list({ tenant: whose, order, limit, ...rest });
      return page && { seen: page.records.map(({ id }) => ids.indexOf(id)), hasMore: page.hasMore };
    };
    return { ...opened, ids, list };
  }

  test("is in the order asked for, page by page", async () => {
    const { ids, list } = await withFive();
    expect(await list()).toEqual({ seen: [4, 3, 2, 1, 0], hasMore: false });
    expect(await list({ order: "asc" })).toEqual({ seen: [0, 1, 2, 3, 4], hasMore: false });
    expect(await list({ limit: 2, after: ids[3] ?? "" })).toEqual({ seen: [2, 1], hasMore: true });
    expect(await list({ limit: 2, after: ids[2] ?? "" })).toEqual({ seen: [1, 0], hasMore: false });
    expect(await list({ limit: 2, order: "asc", after: ids[0] ?? "" })).toEqual({ seen: [1, 2], hasMore: true });
  });

  test("has those of one purpose, and of one tenant", async () => {
    const { ids, list } = await withFive();
    expect(await list({ purpose: "batch" })).toEqual({ seen: [4, 2, 0], hasMore: false });
    expect(await list({ purpose: "batch", limit: 1, after: ids[4] ?? "" })).toEqual({ seen: [2], hasMore: true });
    expect(await list({ of: "another" })).toEqual({ seen: [], hasMore: false });
  });

  test("has no page behind a file that is not in it", async () => {
    const { ids, list } = await withFive();
    expect(await list({ after: "file-none" })).toBeNull();
    expect(await list({ of: "another", after: ids[0] ?? "" })).toBeNull();
    expect(await list({ purpose: "batch", after: ids[1] ?? "" })).toBeNull();
  });

  test("goes on behind a file that was removed since, as for callers who delete what they list", async () => {
    const { files, ids, list, redis, prefix } = await withFive();
    await files.remove(ids[3] ?? "");
    await files.remove(ids[2] ?? "");
    expect(await list({ limit: 1, after: ids[3] ?? "" })).toEqual({ seen: [1], hasMore: true });
    expect(await list({ order: "asc", after: ids[2] ?? "" })).toEqual({ seen: [4], hasMore: false });
    expect(await list({ of: "another", after: ids[2] ?? "" })).toBeNull();
    expect(await redis.pttl(`${prefix}:former-place:${ids[2]}`)).toBeGreaterThan(0);
  });

  test("has a file of a purpose that this release does not know", async () => {
    const { ids, list, redis, prefix } = await withFive();
    await redis.hset(`${prefix}:file:${ids[2]}`, "purpose", "of tomorrow");
    expect(await list({ limit: 4 })).toEqual({ seen: [4, 3, 2, 1], hasMore: true });
  });

  test("goes beyond what is read at once", async () => {
    const { files } = openFiles();
    for (let i = 0; i < 450; i += 50) {
      await Promise.all(Array.from({ length: 50 }, () => files.create(jsonl(""))));
    }
    const page = await files.list({ tenant, order: "asc", limit: 401 });
    expect([new Set(page?.records.map(({ id }) => id)).size, page?.hasMore]).toEqual([401, true]);
    const rest = await files.list({ tenant, order: "asc", limit: 401, after: page?.records.at(-1)?.id });
    expect([rest?.records.length, rest?.hasMore]).toEqual([49, false]);
  });
});
