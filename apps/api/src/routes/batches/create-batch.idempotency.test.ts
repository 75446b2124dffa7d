import { OpenAI } from "openai";
import { describe, expect, test } from "vitest";
import { apiKey, otherApiKey, type TestApi } from "../../api.fixture.ts";
import { batchIn, batchRequest, putFile, startBatches } from "./batches.fixture.ts";

const named = (name: string) => ({ "idempotency-key": name });
const counted = (tries: number) => ({ "x-stainless-retry-count": String(tries) });

const madeBatches = async (api: TestApi) => (await api.queue.batches.active()).length;

describe("Idempotency-Key", () => {
  test("the same again is the same batch, as it is by then", async () => {
    const { api, fileId, send, cancel } = await startBatches();
    const first = await send(batchRequest(fileId, { metadata: { a: "1", b: "2" } }), named("friday"));
    expect(first.headers.has("idempotent-replayed")).toBe(false);
    const { id } = await batchIn(first);
    await cancel(id);
    const again = await send(batchRequest(fileId, { metadata: { b: "2", a: "1" }, job: null }), named('"friday"'));
    expect(again.status).toBe(200);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(again.headers.get("x-batch-id")).toBe(id);
    expect(await batchIn(again)).toMatchObject({ id, status: "cancelling" });
    expect(await madeBatches(api)).toBe(1);
  });

  test("ten at once are one batch", async () => {
    const { api, fileId, send } = await startBatches();
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(batchRequest(fileId), named("friday"))));
    const ids = await Promise.all(answers.map(async (answer) => (await batchIn(answer)).id));
    expect(new Set(ids).size).toBe(1);
    expect(await madeBatches(api)).toBe(1);
  });

  test("422 with another body", async () => {
    const { api, fileId, send } = await startBatches();
    const { id } = await batchIn(await send(batchRequest(fileId), named("friday")));
    const answer = await send(batchRequest(fileId, { completion_window: "48h" }), named("friday"));
    expect(answer.status).toBe(422);
    const { error } = await answer.json();
    expect(error).toMatchObject({ code: "idempotency_mismatch", param: "Idempotency-Key" });
    expect(error.message).toContain(id);
    expect(answer.headers.get("x-batch-id")).toBe(id);
    expect(await madeBatches(api)).toBe(1);
  });

  test.each([named("friday"), counted(1)])(
    "%o finds its batch though the input file is gone by now",
    async (headers) => {
      const { api, fileId, send } = await startBatches();
      const { id } = await batchIn(await send(batchRequest(fileId), { ...headers, ...counted(0) }));
      await api.files.remove(fileId);
      const again = await send(batchRequest(fileId), headers);
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect((await batchIn(again)).id).toBe(id);
      expect((await send(batchRequest(fileId), named("monday"))).status).toBe(400);
    },
  );

  test("422 with another body, whose file there never was", async () => {
    const { fileId, send } = await startBatches();
    await send(batchRequest(fileId), named("friday"));
    expect((await send(batchRequest("file-none"), named("friday"))).status).toBe(422);
  });

  test("another API key's is another", async () => {
    const { api, fileId, send } = await startBatches();
    const theirs = await putFile(api, { tenant: "other" });
    await send(batchRequest(fileId), named("friday"));
    const answer = await send(batchRequest(theirs), named("friday"), otherApiKey);
    expect(answer.status).toBe(200);
    expect(await madeBatches(api)).toBe(2);
  });

  test("a generation's is another", async () => {
    const { api, fileId, send } = await startBatches();
    await api.generate({ prompt: "a cat" }, { headers: { ...named("friday"), prefer: "respond-async" } });
    expect((await send(batchRequest(fileId), named("friday"))).status).toBe(200);
  });

  test("of a batch that is not kept any more it makes a new batch", async () => {
    const { api, fileId, send } = await startBatches();
    const { id } = await batchIn(await send(batchRequest(fileId), named("friday")));
    await api.queue.batches.forget(id);
    const again = await send(batchRequest(fileId), named("friday"));
    expect(again.headers.has("idempotent-replayed")).toBe(false);
    expect((await batchIn(again)).id).not.toBe(id);
  });
});

describe("an SDK's own retry", () => {
  test("finds the batch of its first try", async () => {
    const { api, fileId } = await startBatches();
    // The first answer is lost on its way: the batch is there, and the caller does not know.
    let calls = 0;
    const client = new OpenAI({
      baseURL: `${api.baseUrl}/v1`,
      apiKey,
      fetch: async (url, init) => {
        const answer = await fetch(url, init);
        if (++calls > 1) return answer;
        throw new Error("The connection was reset");
      },
    });
    const { data, response } = await client.batches
      .create({ input_file_id: fileId, endpoint: "/v1/images/generations", completion_window: "24h" })
      .withResponse();
    expect(response.headers.get("idempotent-replayed")).toBe("true");
    expect(await api.queue.batches.active()).toEqual([data.id]);
    expect(calls).toBe(2);
  });

  test("finds the latest of several, and a first try finds none", async () => {
    const { api, fileId, send } = await startBatches();
    const create = async (tries: number) => (await batchIn(await send(batchRequest(fileId), counted(tries)))).id;
    const first = await create(0);
    const second = await create(0);
    expect(second).not.toBe(first);
    expect(await create(1)).toBe(second);
    expect(await create(2)).toBe(second);
    expect(await madeBatches(api)).toBe(2);
  });

  test("whose first try never came makes the batch", async () => {
    const { api, fileId, send } = await startBatches();
    expect((await send(batchRequest(fileId), counted(1))).headers.has("idempotent-replayed")).toBe(false);
    expect((await send(batchRequest(fileId), counted(2))).headers.get("idempotent-replayed")).toBe("true");
    expect(await madeBatches(api)).toBe(1);
  });
});

test("without either, two equal requests are two batches", async () => {
  const { api, create } = await startBatches();
  const [one, two] = [await create(), await create()];
  expect(one.id).not.toBe(two.id);
  expect(await madeBatches(api)).toBe(2);
});
