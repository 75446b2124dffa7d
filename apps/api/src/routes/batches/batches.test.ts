import { batchEndings, newBatchId } from "@darkroom/contracts";
import { laneOfTask } from "@darkroom/batches";
import { OpenAI, toFile } from "openai";
import { describe, expect, test } from "vitest";
import { apiKey, otherApiKey, type TestApi } from "../../api.fixture.ts";
import { batchIn, lane, startBatches } from "./batches.fixture.ts";

const sdk = (api: TestApi) => new OpenAI({ baseURL: `${api.baseUrl}/v1`, apiKey, maxRetries: 0 });

describe("with OpenAI's SDK", () => {
  test("upload, create, retrieve, cancel", async () => {
    const { api } = await startBatches();
    const { batches, files } = sdk(api);
    const input = await files.create({ file: await toFile(Buffer.from("{}\n"), "lines.jsonl"), purpose: "batch" });
    const made = await batches.create({
      input_file_id: input.id,
      endpoint: "/v1/images/generations",
      completion_window: "24h",
      metadata: { order: "17" },
    });
    expect(made).toMatchObject({ object: "batch", status: "validating", metadata: { order: "17" } });
    expect(await batches.retrieve(made.id)).toEqual(made);
    const cancelled = await batches.cancel(made.id);
    expect(cancelled).toMatchObject({ id: made.id, status: "cancelling", cancelling_at: expect.any(Number) });
    await expect(batches.retrieve(newBatchId(Date.now()))).rejects.toMatchObject({ status: 404, code: "not_found" });
  });

  test("a list goes on by itself to the end, newest first", async () => {
    const { api, create } = await startBatches();
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.unshift((await create()).id);
    const seen: string[] = [];
    for await (const { id } of sdk(api).batches.list({ limit: 3 })) seen.push(id);
    expect(seen).toEqual(ids);
  });
});

describe("GET /v1/batches/{id}", () => {
  test.each(batchEndings)("shows one that is %s", async (ending) => {
    const { api, create, end } = await startBatches();
    const { id } = await create();
    await end(id, ending);
    const batch = await batchIn(await api.call(`/v1/batches/${id}`));
    const failed = ending === "failed";
    expect(batch).toMatchObject({
      status: ending,
      [`${ending}_at`]: expect.any(Number),
      ...(!failed && { model: "dall-e-2" }),
      output_file_id: failed ? null : "file-out",
      error_file_id: failed ? null : "file-err",
      request_counts: failed ? { total: 0, completed: 0, failed: 0 } : { total: 3, completed: 2, failed: 1 },
      errors: failed
        ? {
            object: "list",
            data: [{ code: "invalid_json_line", message: "Not JSON.", param: null, line: 2 }],
            total: 1,
          }
        : null,
    });
    expect(Object.hasOwn(batch, "model")).toBe(!failed);
    const others = batchEndings.filter((other) => other !== ending);
    for (const other of others) expect(batch[`${other}_at`]).toBeNull();
  });
});

describe("a batch whose input is wrong in many ways", () => {
  const faults = Array.from({ length: 25 }, (_, i) => ({ code: "x", message: "Not so.", param: null, line: i + 1 }));
  const first = faults.slice(0, 20);

  test("tells the first of it, how much there is, and the file that has all of it", async () => {
    const { api, create } = await startBatches();
    const { id } = await create();
    await api.queue.batches.fail(id, first, { count: faults.length, errorFileId: "file-err" });
    const told = { status: "failed", errors: { object: "list", data: first, total: 25 }, error_file_id: "file-err" };
    expect(await batchIn(await api.call(`/v1/batches/${id}`))).toMatchObject(told);
    const { data } = await (await api.call("/v1/batches")).json();
    expect(data).toMatchObject([{ id, ...told }]);
  });
});

describe("GET /v1/batches", () => {
  test("of the tenant alone, and an empty list is one", async () => {
    const { api, create } = await startBatches();
    const { id } = await create();
    expect(await (await api.call("/v1/batches")).json()).toMatchObject({ first_id: id, last_id: id, has_more: false });
    const theirs = await api.call("/v1/batches", { key: otherApiKey });
    expect(await theirs.json()).toEqual({ object: "list", data: [], first_id: null, last_id: null, has_more: false });
    const after = await api.call(`/v1/batches?after=${id}`, { key: otherApiKey });
    expect(after.status).toBe(400);
    expect(await after.json()).toMatchObject({ error: { param: "after" } });
  });

  test.each([
    ["limit=0", "limit"],
    ["limit=101", "limit"],
    ["after=batch_none", "after"],
    ["order=asc", "order"],
  ])("400 for ?%s", async (query, param) => {
    const { api } = await startBatches();
    const answer = await api.call(`/v1/batches?${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param } });
  });
});

describe("POST /v1/batches/{id}/cancel", () => {
  test("one that is not validated yet can be put together at once", async () => {
    const { api, create, cancel } = await startBatches();
    const { id } = await create();
    const answer = await cancel(id);
    expect(answer.status).toBe(200);
    expect((await batchIn(answer)).status).toBe("cancelling");
    expect(await api.queue.lanes.find(laneOfTask(`finalize.${id}`), `finalize.${id}`)).toBe("waiting");
  });

  test("one in progress leaves its lane first", async () => {
    const { api, create, cancel } = await startBatches();
    const { id } = await create();
    await api.queue.batches.accept(id, { model: "dall-e-2", lane, total: 3, chunks: [0] });
    expect((await batchIn(await cancel(id))).status).toBe("cancelling");
    expect(await api.queue.lanes.find(laneOfTask(`finalize.${id}`), `finalize.${id}`)).toBeNull();
    expect(await api.queue.lanes.find(laneOfTask(`feed.${lane}`), `feed.${lane}`)).toBe("waiting");
  });

  test("200 again while it is cancelling", async () => {
    const { create, cancel } = await startBatches();
    const { id } = await create();
    const first = await batchIn(await cancel(id));
    const again = await cancel(id);
    expect(again.status).toBe(200);
    expect(await batchIn(again)).toEqual(first);
  });

  test.each(batchEndings)("409 for one that is %s", async (ending) => {
    const { create, cancel, end } = await startBatches();
    const { id } = await create();
    await end(id, ending);
    const answer = await cancel(id);
    expect(answer.status).toBe(409);
    const message = `The batch ${id} cannot be canceled any more: it is ${ending}.`;
    expect(await answer.json()).toMatchObject({ error: { code: "conflict", message } });
  });

  test("409 for one whose output is being put together", async () => {
    const { api, create, cancel, recordOf } = await startBatches();
    const { id } = await create();
    await api.queue.batches.accept(id, { model: "dall-e-2", lane, total: 3, chunks: [0] });
    await api.queue.batches.settle(await recordOf(id));
    expect((await cancel(id)).status).toBe(409);
    expect((await recordOf(id)).status).toBe("finalizing");
  });
});

describe.each([
  ["GET", ""],
  ["POST", "/cancel"],
])("%s /v1/batches/{id}%s", (method, rest) => {
  test("404 for another tenant's, told as for one that never was", async () => {
    const { api, create, recordOf } = await startBatches();
    const { id } = await create();
    const tell = async (theirs: string) => {
      const answer = await api.call(`/v1/batches/${theirs}${rest}`, { method, key: otherApiKey });
      return { status: answer.status, text: await answer.text() };
    };
    const theirs = await tell(id);
    expect(theirs.status).toBe(404);
    for (const other of [newBatchId(Date.now()), "batch_1", "..%2Fbatch_1%00", "b".repeat(500)]) {
      expect((await tell(other)).status).toBe(404);
    }
    expect(await tell(newBatchId(Date.now()))).toEqual(theirs);
    expect((await recordOf(id)).status).toBe("validating");
  });

  test("401 without a key", async () => {
    const { api, create } = await startBatches();
    const { id } = await create();
    expect((await fetch(`${api.baseUrl}/v1/batches/${id}${rest}`, { method })).status).toBe(401);
  });
});
