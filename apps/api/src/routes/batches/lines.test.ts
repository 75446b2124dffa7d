import { generationSchema, noBudget } from "@darkroom/contracts";
import { batchPartsOn } from "@darkroom/batches/batch-parts-fixture";
import { expect, test } from "vitest";
import { z } from "zod";
import { lane, startBatches } from "./batches.fixture.ts";

const pageSchema = z.object({ data: z.array(generationSchema.strict()) });

/** A batch with two lines on their lane, beside another with one, and a generation of its own. */
async function withLines() {
  const service = await startBatches();
  const { api, create, recordOf } = service;
  const { prefix, redis, keys } = api;
  const { lines } = batchPartsOn({ prefix, redis, keys, ...api.queue });
  const feed = async (total: number) => {
    const { id } = await create();
    await api.queue.batches.accept(id, { model: "dall-e-2", lane, total, chunks: [0] });
    const record = await recordOf(id);
    const prepared = Array.from({ length: total }, (_, index) => ({
      index,
      custom_id: `line ${index}`,
      request: { prompt: "a cat" },
      upstream: { model: "dall-e-2", parameters: { n: 1 } },
      terms: {},
      images: 1,
      worst: 0,
    }));
    await lines.feed({ ...record, lane, model: "dall-e-2" }, 0, prepared, noBudget);
    return id;
  };
  const [batch, other] = [await feed(2), await feed(1)];
  await api.generate({ prompt: "a cat" }, { headers: { prefer: "respond-async" } });
  const list = async (query: string) =>
    pageSchema.parse(await (await api.call(`/v1/generations?${query}`)).json()).data;
  return { ...service, batch, other, list };
}

test("generations are listed by their batch, and name it", async () => {
  const { batch, other, list } = await withLines();
  expect((await list(`batch=${batch}`)).map((line) => line.batch_id)).toEqual([batch, batch]);
  expect((await list(`batch=${other}`)).map((line) => line.batch_id)).toEqual([other]);
  expect(await list("batch=batch_none")).toEqual([]);
  expect((await list("")).filter((line) => line.batch_id === null)).toHaveLength(1);
});

test("409 for the retry of a line: how it ended is the batch's to tell", async () => {
  const { api, batch, list } = await withLines();
  const [line] = await list(`batch=${batch}`);
  await api.call(`/v1/generations/${line?.id}/cancel`, { method: "POST" });
  const answer = await api.call(`/v1/generations/${line?.id}/retry`, { method: "POST" });
  expect(answer.status).toBe(409);
  const message = expect.stringContaining(batch);
  expect(await answer.json()).toMatchObject({ error: { code: "conflict", message } });
});
