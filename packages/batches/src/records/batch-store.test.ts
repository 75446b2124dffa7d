import { newBatchId } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { openQueue } from "@darkroom/generations/queue-fixture";
import { aBatch } from "./a-batch.fixture.ts";
import { createBatchStore } from "./batch-store.ts";
import type { NewBatch } from "./create-batch.ts";

const lane = "sandbox.batch";
const accepted = { model: "m", lane, total: 3, chunks: [0, 2] };

async function openBatches(over: Partial<NewBatch> = {}) {
  const queue = await openQueue();
  const batches = createBatchStore(queue.redis, queue.keys);
  const given = aBatch({
    metadata: { order: "17" },
    webhook: "https://example.com/hook",
    webhookEvents: ["completed", "cancelled"],
    ...over,
  });
  await batches.create(given);
  const read = async () => {
    const batch = await batches.read(given.id);
    if (batch === null) throw new Error("There is no batch");
    return batch;
  };
  const outbox = () => queue.redis.zrange(queue.keys.outbox, "0", "-1");
  return { ...queue, batches, given, id: given.id, read, outbox };
}

describe("a batch", () => {
  test("is written once, and waits to be validated", async () => {
    const { batches, given, id, read } = await openBatches();
    await batches.accept(id, accepted);
    await batches.create(given);
    const { windowMs: _, ...facts } = given;
    const batch = await read();
    expect(batch).toMatchObject({ ...facts, status: "in_progress", fed: 0, completed: 0, failed: 0 });
    expect(batch.expiresAtMs - batch.createdAtMs).toBe(86_400_000);
    expect(await batches.active()).toEqual([id]);
  });

  test("that is accepted feeds its lane until nothing of it is left there", async () => {
    const { batches, id, read } = await openBatches();
    expect(await batches.accept(id, accepted)).toEqual({ kind: "accepted" });
    expect(await batches.feeding(lane)).toEqual([id]);
    await batches.settle(await read());
    expect(await read()).toMatchObject({ status: "finalizing", outcome: "completed", ready: true });
    expect(await batches.feeding(lane)).toEqual([]);
    expect(await batches.active()).toEqual([id]);
  });

  test("is not put together while a line of it is on its lane, whatever a round that is behind believes", async () => {
    const { batches, redis, keys, id, read } = await openBatches();
    await batches.accept(id, accepted);
    const before = await read();
    await redis.hset(keys.batch(id), { fed: 3, completed: 1, failed: 1 });
    await batches.overdue(id, lane);
    expect(await batches.settle({ ...before, outcome: "expired" })).toBe("refused");
    expect(await read()).toMatchObject({ status: "in_progress", ready: false });
    await redis.hset(keys.batch(id), { failed: 2 });
    expect(await batches.settle({ ...before, outcome: "expired" })).toBe("ok");
  });

  test("that is out of time ends so, though a round that is behind believes it to be completed", async () => {
    const { batches, id, read } = await openBatches();
    await batches.accept(id, accepted);
    const before = await read();
    await batches.overdue(id, lane);
    expect(await batches.settle(before)).toBe("ok");
    expect(await read()).toMatchObject({ status: "finalizing", outcome: "expired", ready: true });
  });

  test("ends once, keeps the times of its statuses, and is told of", async () => {
    const { batches, id, read, outbox } = await openBatches();
    await batches.accept(id, accepted);
    await batches.settle(await read());
    const files = { outputFileId: "file-2", errorFileId: null, completed: 3, failed: 0, usage: null };
    expect(await batches.finish(await read(), files)).toBe(true);
    expect(await batches.finish(await read(), files)).toBe(false);
    const batch = await read();
    expect(batch).toMatchObject({
      status: "completed",
      outputFileId: "file-2",
      errorFileId: null,
      completed: 3,
      failed: 0,
    });
    expect(Object.keys(batch.atMs).toSorted()).toEqual(["completed", "finalizing", "in_progress"]);
    expect(await batches.active()).toEqual([]);
    expect(await outbox()).toEqual([`${id} ${batch.version} completed`]);
  });

  test("that cannot be run fails with its faults, and no webhook is sent without a request for one", async () => {
    const { batches, id, read, outbox } = await openBatches();
    const fault = { code: "empty_file", message: "It is empty.", param: null, line: null };
    expect(await batches.fail(id, [fault])).toBe(true);
    expect(await batches.accept(id, accepted)).toEqual({ kind: "refused" });
    expect(await read()).toMatchObject({ status: "failed", errors: [fault] });
    expect(await batches.active()).toEqual([]);
    expect(await outbox()).toEqual([]);
  });
});

describe("cancelling", () => {
  test("stops a batch in progress, which ends as cancelled when its lane is free of it", async () => {
    const { batches, id, read } = await openBatches();
    await batches.accept(id, accepted);
    expect(await batches.cancel(id, lane)).toBe("ok");
    expect(await read()).toMatchObject({ status: "cancelling", ready: false });
    await batches.settle(await read());
    expect(await read()).toMatchObject({ status: "cancelling", ready: true });
    const finished = { outputFileId: null, errorFileId: "file-3", completed: 0, failed: 3, usage: null };
    await batches.finish(await read(), finished);
    expect(await read()).toMatchObject({ status: "cancelled", errorFileId: "file-3", completed: 0, failed: 3 });
  });

  test("a batch that is still being validated makes it ready at once", async () => {
    const { batches, id, read } = await openBatches();
    expect(await batches.cancel(id, null)).toBe("ok");
    expect(await read()).toMatchObject({ status: "cancelling", ready: true });
    expect(await batches.accept(id, accepted)).toEqual({ kind: "refused" });
  });

  test("is refused once the output is being put together", async () => {
    const { batches, id, read } = await openBatches();
    await batches.accept(id, accepted);
    await batches.settle(await read());
    expect(await batches.cancel(id, lane)).toBe("refused");
    expect(await batches.cancel("batch_none", null)).toBe("gone");
  });
});

test("a list is of one tenant, newest first, and goes on after an id", async () => {
  const { batches, given, id, redis, keys } = await openBatches();
  const ids = [id];
  for (let i = 0; i < 4; i++) {
    const next = newBatchId(Date.now() + i + 1);
    await batches.create({ ...given, id: next });
    ids.unshift(next);
  }
  await batches.create({ ...given, id: newBatchId(Date.now()), tenant: "other" });
  const first = await batches.list({ tenant: "acme", limit: 3 });
  expect(first?.hasMore).toBe(true);
  const second = await batches.list({ tenant: "acme", limit: 3, after: first?.records.at(-1)?.id });
  expect(second?.hasMore).toBe(false);
  expect([...(first?.records ?? []), ...(second?.records ?? [])].map((batch) => batch.id)).toEqual(ids);
  expect(await batches.list({ tenant: "other", limit: 3, after: id })).toBeNull();

  await batches.forget(ids[1] ?? "");
  const behindForgotten = await batches.list({ tenant: "acme", limit: 9, after: ids[1] });
  expect(behindForgotten?.records.map((batch) => batch.id)).toEqual(ids.slice(2));
  expect(await batches.list({ tenant: "other", limit: 9, after: ids[1] })).toBeNull();

  await redis.hset(keys.batch(ids[2] ?? ""), "status", "of tomorrow");
  const beside = await batches.list({ tenant: "acme", limit: 9 });
  expect(beside?.records.map((batch) => batch.id)).toEqual([ids[0], ids[3], ids[4]]);
  expect(beside?.unreadable.map((one) => one.id)).toEqual([ids[2]]);
});

describe("a batch that has ended", () => {
  test("is outlived when its output is, and leaves nothing behind when it is forgotten", async () => {
    const { batches, id, read, redis, keys } = await openBatches({ outputSeconds: 0, webhook: null });
    await batches.accept(id, accepted);
    expect(await batches.outlived(10)).toEqual([]);
    await batches.settle(await read());
    const finished = { outputFileId: null, errorFileId: null, completed: 0, failed: 0, usage: null };
    await batches.finish(await read(), finished);
    expect(await batches.outlived(10)).toEqual([id]);
    await batches.forget(id);
    await batches.forget(id);
    // That its key made a batch counts for an hour, and where it stood in the list is remembered for some minutes.
    const left = [keys.batchCreations("key"), keys.formerPlace(id)];
    expect(new Set(await redis.keys(`${keys.root}*`))).toEqual(new Set(left));
    for (const key of left) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });

  test("is kept as long as its output", async () => {
    const { batches, id, read, redis, keys } = await openBatches({ outputSeconds: 3_600 });
    await batches.accept(id, accepted);
    await batches.settle(await read());
    await batches.finish(await read(), { outputFileId: null, errorFileId: null, completed: 0, failed: 0, usage: null });
    expect(await batches.outlived(10)).toEqual([]);
    const endedAtMs = (await read()).atMs.completed ?? 0;
    expect(await redis.zscore(keys.endedBatches, id)).toBe(String(endedAtMs + 3_600_000));
  });

  test("is kept for thirty days where it failed", async () => {
    const { batches, id, read, redis, keys } = await openBatches({ outputSeconds: 3_600 });
    await batches.fail(id, []);
    const endedAtMs = (await read()).atMs.failed ?? 0;
    expect(await redis.zscore(keys.endedBatches, id)).toBe(String(endedAtMs + 30 * 86_400_000));
  });
});
