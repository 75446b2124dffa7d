import { expect, test } from "vitest";
import { openLimitedKey, outcomeOf } from "../../limited-key.fixture.ts";
import { askAdmin } from "../admin/admin.fixture.ts";
import { batchIn, batchRequest, lane, startBatches } from "./batches.fixture.ts";

/** A key that may have ten unfinished lines, and a batch of it with so many. */
async function openFull(lines: number) {
  const service = await startBatches();
  const { api, send, fileId } = service;
  const limited = await openLimitedKey(api, { limits: { unfinished_batch_lines: 10 } });
  const create = () => send(batchRequest(fileId), {}, limited.key);
  const { id } = await batchIn(await create());
  const accepted = await api.queue.batches.accept(id, { model: "dall-e-2", lane, total: lines, chunks: [0] });
  return { ...service, limited, create, id, accepted };
}

test("429 queue_full for another batch while the tenant has as many unfinished lines as the key allows", async () => {
  const { api, create, limited, cancel, id, accepted } = await openFull(10);
  expect(accepted).toEqual({ kind: "accepted" });
  expect(await outcomeOf(await create())).toEqual({
    status: 429,
    code: "queue_full",
    message:
      "The batches of this API key's tenant may have 10 unfinished lines (unfinished_batch_lines), and have 10. Send the request again when some have ended.",
    shouldRetry: "true",
    retryAfter: "60",
  });
  const shown = await (await askAdmin(api, "GET", `/admin/keys/${limited.id}`)).json();
  expect(shown).toMatchObject({ usage: { unfinished_batch_lines: 10 }, limits: { unfinished_batch_lines: 10 } });
  // Another key of the tenant has the limit of the installation.
  const other = await openLimitedKey(api, { name: "other" });
  expect((await cancel(id, other.key)).status).toBe(200);
  expect((await create()).status).toBe(200);
});

test("a batch is accepted while some are left, and says up to which number its lines may come", async () => {
  const { create, recordOf, api } = await openFull(9);
  const { id } = await batchIn(await create());
  expect(await recordOf(id)).toMatchObject({ mostLines: 10 });
  const two = { model: "dall-e-2", lane, total: 2, chunks: [0] };
  expect(await api.queue.batches.accept(id, two)).toEqual({ kind: "no_room", lines: 9 });
  expect(await api.queue.batches.accept(id, { ...two, total: 1 })).toEqual({ kind: "accepted" });
});

test("a request that is sent again finds its batch, though there is no room for another", async () => {
  const { api, send, fileId } = await startBatches();
  const { key } = await openLimitedKey(api, { limits: { unfinished_batch_lines: 1 } });
  const create = () => send(batchRequest(fileId), { "idempotency-key": "one" }, key);
  const { id } = await batchIn(await create());
  await api.queue.batches.accept(id, { model: "dall-e-2", lane, total: 1, chunks: [0] });
  expect((await batchIn(await create())).id).toBe(id);
});

test("429 insufficient_quota while the files of failed batches are more than the tenant may have", async () => {
  const { api, send, fileId } = await startBatches();
  const { key, call } = await openLimitedKey(api, { limits: { stored_bytes: 100 } });
  const request = () => send(batchRequest(fileId), {}, key);
  expect((await request()).status).toBe(200);
  // What a batch leaves behind that fails with many mistakes.
  await api.redis.hset(`${api.prefix}:tenant-use:acme`, { files: 1, bytes: 101 });
  expect(await outcomeOf(await request())).toMatchObject({ status: 429, code: "insufficient_quota" });
  expect((await call("/v1/batches")).status).toBe(200);
});
