import { ObjectNotFoundError } from "@darkroom/storage";
import { expect, test } from "vitest";
import { z } from "zod";
import { memoryStore } from "./batch-parts.fixture.ts";
import { readJsonLines } from "./read-json-lines.ts";

const schema = z.object({ prompt: z.string() });

test("lines come back whole, whatever separators a prompt has in it, and what is broken is null", async () => {
  const objects = memoryStore();
  const prompts = ["a\u2028b\u2029c\u0085d", "e\nf\rg"];
  const lines = [...prompts.map((prompt) => JSON.stringify({ prompt })), "{", '{"prompt":1}'];
  await objects.put("a/lines", Buffer.from(lines.map((line) => `${line}\n`).join("")), { contentType: "text/plain" });
  expect(await readJsonLines(objects, "a/lines", schema)).toEqual([
    ...prompts.map((prompt) => ({ prompt })),
    null,
    null,
  ]);
});

test("what is not there is not empty", async () => {
  await expect(readJsonLines(memoryStore(), "a/lines", schema)).rejects.toBeInstanceOf(ObjectNotFoundError);
});
