import { execFile } from "node:child_process";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { childEnvironment, temporaryFolder } from "@darkroom/testing";
import { expect, test } from "vitest";
import { measureImage } from "./measure-image.ts";
import { startStack } from "./stack.ts";

const main = path.resolve(import.meta.dirname, "../../apps/cli/src/main.ts");

test("twenty prompts of a text file become twenty images, and the same command again buys and fetches nothing", async () => {
  const stack = await startStack({ workers: 0 });
  // The links of a batch are made by the worker.
  await stack.startWorker({ PUBLIC_BASE_URL: stack.origin });
  const folder = await temporaryFolder();
  const file = path.join(folder, "prompts.txt");
  const out = path.join(folder, "images");
  await writeFile(file, Array.from({ length: 20 }, (_, index) => `lighthouse number ${index}`).join("\n"));
  const env = { ...childEnvironment(), DARKROOM_URL: stack.origin, DARKROOM_API_KEY: stack.apiKey };
  const options = ["--model", "gpt-image-1", "--size", "1024x1024", "--quality", "low", "--output-format", "webp"];
  const submit = () =>
    promisify(execFile)(
      process.execPath,
      [main, "batch", "submit", file, ...options, "--yes", "--wait", "--out", out, "--metadata", "team=web"],
      { env },
    );

  const first = await submit();
  expect(first.stderr).toContain("20 lines, 20 images by gpt-image-1. Cost: at most $");
  const id = first.stdout.trim();
  expect(await stack.openai().batches.retrieve(id)).toMatchObject({
    status: "completed",
    request_counts: { total: 20, completed: 20, failed: 0 },
    metadata: { team: "web" },
  });
  const names = (await readdir(out)).filter((name) => name.startsWith("line-")).toSorted();
  expect(names).toEqual(Array.from({ length: 20 }, (_, index) => `line-${String(index + 1).padStart(5, "0")}.webp`));
  for (const name of names) {
    expect(await measureImage(await readFile(path.join(out, name)))).toMatchObject({
      format: "webp",
      size: "1024x1024",
    });
  }

  const times = () => Promise.all(names.map(async (name) => (await stat(path.join(out, name))).mtimeMs));
  const before = await times();
  const second = await submit();
  expect(second.stdout.trim()).toBe(id);
  expect(second.stderr).toContain(`0 images written to ${out}, 20 were there already.`);
  expect(await times()).toEqual(before);
  expect((await stack.openai().batches.list()).data).toHaveLength(1);
  expect((await stack.openai().files.list({ purpose: "batch" })).data).toHaveLength(1);
});
