import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";

const rowSchema = z.object({
  system: z.string(),
  apis: z.int(),
  "CPU µs/job": z.number().positive(),
  "round trips/job": z.number(),
});

test("the short form runs both systems and writes down what they cost Redis", async () => {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const output = join(folder, "result.json");
  const main = join(import.meta.dirname, "main.ts");
  await promisify(execFile)(process.execPath, [main, "wait", "--quick", "--scenario", "2", "--output", output]);
  const { scenarios } = z
    .object({ scenarios: z.array(z.object({ rows: z.array(rowSchema) })) })
    .parse(JSON.parse(await readFile(output, "utf8")));
  expect(new Set(scenarios[0]?.rows.map(({ system }) => system))).toEqual(new Set(["usual pattern", "Darkroom"]));
}, 90_000);

test("the short form of the keys' bench tells what a right and a wrong key take", async () => {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const output = join(folder, "result.json");
  const main = join(import.meta.dirname, "main.ts");
  await promisify(execFile)(process.execPath, [main, "keys", "--quick", "--scenario", "1", "--output", output]);
  const row = z.object({ key: z.string(), calls: z.int().positive(), "t against wrong": z.number() });
  const { scenarios } = z
    .object({ scenarios: z.array(z.object({ rows: z.array(row) })) })
    .parse(JSON.parse(await readFile(output, "utf8")));
  expect(scenarios[0]?.rows.map(({ key }) => key)).toEqual(["right", "wrong, nearly right", "wrong", "wrong, too"]);
}, 90_000);
