import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { base64Chunks } from "./base64-chunks.ts";

const bytes = Buffer.from(Array.from({ length: 100 }, (_, i) => (i * 37) % 256));

test.each([1, 2, 3, 4, 5, 7, 64, 100, 1_000])("chunks of %i bytes give the base64 of the whole", async (size) => {
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  const parts: string[] = [];
  for await (const part of base64Chunks(Readable.from(chunks))) parts.push(part);
  expect(parts.join("")).toBe(bytes.toString("base64"));
});

test("nothing gives nothing", async () => {
  const parts: string[] = [];
  for await (const part of base64Chunks(Readable.from([]))) parts.push(part);
  expect(parts).toEqual([]);
});
