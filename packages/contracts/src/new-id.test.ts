import { expect, test } from "vitest";
import { derivedUlid, isFileId, isGenerationId, newBatchId, newGenerationId } from "./new-id.ts";

test("a generation id is recognised, and other text is not", () => {
  expect(isGenerationId(newGenerationId(Date.now()))).toBe(true);
  for (const other of ["", "gen_", "gen_01", "img_01jd0000000000000000000000", `${newGenerationId(0)} `]) {
    expect(isGenerationId(other)).toBe(false);
  }
});

test("ids sort by the time of their submission", () => {
  const ids = [1, 1_000, 1_764_000_000_000, 1_764_000_000_001].map(newGenerationId);
  expect(ids.toSorted()).toEqual(ids);
});

test("ten thousand ids of one millisecond are all different", () => {
  expect(new Set(Array.from({ length: 10_000 }, () => newGenerationId(1))).size).toBe(10_000);
});

test("a derived ULID is the same each time, differs by name and by batch, and sorts with its batch", () => {
  const [batch, other] = [newBatchId(5), newBatchId(5)];
  const derived = derivedUlid(batch, "output");
  expect(derivedUlid(batch, "output")).toBe(derived);
  expect(new Set([derived, derivedUlid(batch, "error"), derivedUlid(other, "output")]).size).toBe(3);
  expect(isFileId(`file-${derived}`)).toBe(true);
  expect(batch.startsWith(`batch_${derived.slice(0, 10)}`)).toBe(true);
});
