import { newGenerationId } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { startApi } from "../api.fixture.ts";
import { generationIn, request } from "../generation.fixture.ts";
import { createFindGeneration } from "./find-generation.ts";

/** Finds the generations of an api, and counts the reads that this takes. */
async function open() {
  const api = await startApi();
  const { id } = await generationIn(await api.generate(request, { headers: { prefer: "respond-async" } }));
  const { generations } = api.queue.reads;
  const record = await generations.read(id);
  let reads = 0;
  const find = createFindGeneration({
    generations: {
      ...generations,
      read: (given) => {
        reads++;
        return generations.read(given);
      },
    },
  });
  return { id, tenant: record?.tenant ?? "", find, reads: () => reads };
}

test("all who ask for a generation in one turn of the event loop share one read", async () => {
  const { id, tenant, find, reads } = await open();
  const found = await Promise.all(Array.from({ length: 100 }, () => find(tenant, id)));
  expect(found.map((record) => record.id)).toEqual(found.map(() => id));
  expect(reads()).toBe(1);
});

test("a reader who asks after an event does not get what was read before it", async () => {
  const { id, tenant, find, reads } = await open();
  const earlier = find(tenant, id);
  await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([earlier, find(tenant, id)]);
  expect(reads()).toBe(2);
});

test("those who share a read are judged each by its own tenant", async () => {
  const { id, tenant, find } = await open();
  const [own, other] = await Promise.allSettled([find(tenant, id), find("another tenant", id)]);
  expect(own.status).toBe("fulfilled");
  expect(other).toMatchObject({ status: "rejected", reason: { code: "not_found" } });
});

test("readers of several generations get each its own", async () => {
  const { id, tenant, find, reads } = await open();
  const unknown = newGenerationId(Date.now());
  const [found, missing] = await Promise.allSettled([find(tenant, id), find(tenant, unknown)]);
  expect(found).toMatchObject({ value: { id } });
  expect(missing).toMatchObject({ reason: { code: "not_found" } });
  expect(reads()).toBe(2);
});
