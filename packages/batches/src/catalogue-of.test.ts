import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCatalogue } from "@darkroom/models";
import { createBatchStore } from "./records/batch-store.ts";
import { expect, onTestFinished, test } from "vitest";
import { createCatalogueOf } from "./catalogue-of.ts";
import { openRedis } from "./open-redis.fixture.ts";
import { inputLine, openBatch } from "./validate/validate-batch.fixture.ts";

/** The catalogue of an api whose operator has a price of their own, and a model of their own. */
function operators() {
  const folder = mkdtempSync(join(tmpdir(), "darkroom-catalogue-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "models.yaml");
  const prices = { perImageMicros: { standard: { "256x256": 99_000 } } };
  writeFileSync(file, JSON.stringify({ models: { "dall-e-2": { prices }, ours: { like: "dall-e-2", prices } } }));
  return loadCatalogue({ file });
}

const asked = { n: 1, size: "256x256" };

test("a line is priced by the catalogue of the api that accepted its batch, and not by the worker's", async () => {
  const input = inputLine("a", { ...asked, model: "dall-e-2" });
  const here = await openBatch();
  await here.validate(input);
  expect(await here.prepared()).toMatchObject([{ worst: 16_000 }]);
  const there = await openBatch({}, { acceptedBy: operators().noted });
  await there.validate(input);
  expect(await there.prepared()).toMatchObject([
    { worst: 99_000, terms: { prices: { perImageMicros: { standard: { "256x256": 99_000 } } } } },
  ]);
});

test("a model that only the api knows is served in a batch", async () => {
  const batch = await openBatch({}, { acceptedBy: operators().noted });
  await batch.validate(inputLine("a", { ...asked, model: "ours" }));
  expect(await batch.read()).toMatchObject({ status: "in_progress", model: "ours" });
});

test("what is noted serves what it was noted of: retired models and unknown ones, too", async () => {
  const { redis, keys } = openRedis();
  const batches = createBatchStore(redis, keys);
  const noted = loadCatalogue({ retired: "successor", unknownLike: "gpt-image-2" });
  const sha256 = await batches.keepCatalogue(noted.noted);
  expect(await batches.keepCatalogue(noted.noted)).toBe(sha256);
  expect(await redis.pttl(keys.catalogue(sha256))).toBeGreaterThan(59 * 86_400_000);
  const catalogueOf = createCatalogueOf({ batches, own: loadCatalogue(), log: { warn() {} } });
  const read = await catalogueOf({ id: "batch_1", catalogue: sha256 });
  expect(read.models).toEqual(noted.models);
  expect(read.defaultModel).toEqual(noted.defaultModel);
  expect(read.find("gpt-image-99")).toEqual(noted.find("gpt-image-99"));
  expect(await catalogueOf({ id: "batch_2", catalogue: sha256 })).toBe(read);
});

test("a batch of an older release, and one whose catalogue is lost, is served by the worker's own, with a warning for the second", async () => {
  const { redis, keys } = openRedis();
  const own = loadCatalogue();
  const warnings: string[] = [];
  const catalogueOf = createCatalogueOf({
    batches: createBatchStore(redis, keys),
    own,
    log: { warn: (_fields, sentence) => void warnings.push(sentence) },
  });
  expect(await catalogueOf({ id: "batch_1", catalogue: null })).toBe(own);
  expect(warnings).toEqual([]);
  expect(await catalogueOf({ id: "batch_1", catalogue: "0".repeat(64) })).toBe(own);
  expect(warnings).toHaveLength(1);
});
