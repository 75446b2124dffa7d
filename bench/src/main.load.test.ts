import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";

/** Runs the short form of a bench, and reads what it wrote down. */
async function run<T extends z.ZodType>(args: readonly string[], row: T): Promise<z.output<T>[]> {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const output = join(folder, "result.json");
  const main = join(import.meta.dirname, "main.ts");
  await promisify(execFile)(process.execPath, [main, ...args, "--quick", "--output", output]);
  const written: unknown = JSON.parse(await readFile(output, "utf8"));
  const [scenario] = z.object({ scenarios: z.array(z.object({ rows: z.array(row) })) }).parse(written).scenarios;
  return scenario?.rows ?? [];
}

test("the short form runs both systems and writes down what they cost Redis", async () => {
  const row = z.object({
    system: z.string(),
    apis: z.int(),
    "CPU µs/job": z.number().positive(),
    "round trips/job": z.number(),
  });
  const rows = await run(["wait", "--scenario", "2"], row);
  expect(new Set(rows.map(({ system }) => system))).toEqual(new Set(["usual pattern", "Darkroom"]));
});

test("the short form runs a batch, finds every line of it in the output, and writes down what it took", async () => {
  const row = z.object({ quantity: z.string(), "10 lines": z.number().positive(), "100 lines": z.number().positive() });
  const rows = await run(["batch", "--scenario", "1", "--lines", "100"], row);
  expect(rows.map(({ quantity }) => quantity)).toContain("lines/s POST to completed");
});

test("the short form has hostile pictures drawn, and measures what they cost", async () => {
  const row = z.object({ what: z.string(), outcome: z.string(), "memory of the decoder MiB": z.number().max(100) });
  const rows = await run(["hostile", "--scenario", "1"], row);
  expect(rows.map(({ outcome }) => outcome)).toEqual(["delivered", "delivered", "delivered"]);
});

test("the short form measures a connection to Redis as ioredis has it and as Darkroom has it", async () => {
  const row = z.object({ connection: z.string(), "CPU µs/command": z.number().positive() });
  const rows = await run(["redis", "--scenario", "1"], row);
  expect(rows.map(({ connection }) => connection)).toEqual(expect.arrayContaining(["ioredis", "with gathered writes"]));
});

test("the short form measures all calls of a tenant alone and beside a neighbour", async () => {
  const row = z.object({ call: z.string(), "alone p50 ms": z.number(), "p50 ratio": z.number(), failed: z.int() });
  const rows = await run(["neighbours", "--only", "filtered-lists"], row);
  expect(rows.map(({ call }) => call)).toEqual(["sync", "submit", "webhook", "list", "batch"]);
});

test("the short form moves megabytes, and measures what each process takes for them", async () => {
  const row = z.object({
    system: z.string(),
    "images/s": z.number().positive(),
    failed: z.literal(0),
    worker: z.number().positive(),
    // A PNG whose checksums are right is not decoded.
    decoders: z.number().nonnegative(),
  });
  const rows = await run(["bytes", "--scenario", "2", "--only", "Darkroom"], row);
  expect(rows).toHaveLength(2);
});

test("the short form runs a stack by the plan for it, and Redis gets the commands and connections that were planned", async () => {
  const row = z.object({ quantity: z.string(), predicted: z.number(), measured: z.number().positive() });
  const rows = await run(["plan"], row);
  expect(rows.map(({ quantity }) => quantity)).toContain("Redis memory, bytes a generation");
  const counted = rows.filter(({ quantity }) => ["Redis commands/s", "Redis connections"].includes(quantity));
  expect(counted).toHaveLength(6);
  // A step of some seconds has its beginning and its end in it. The long form is within 15 %.
  for (const { predicted, measured } of counted) expect(Math.abs(predicted / measured - 1)).toBeLessThan(0.25);
});

test("the short form loses a cell of a simulated fleet, whose callers others serve after a wait", async () => {
  const row = z.object({ phase: z.string(), "begun/s": z.number().positive(), "longest s": z.number() });
  const rows = await run(["cells"], row);
  const [before, lost, moved] = rows;
  expect(before?.["begun/s"]).toBeGreaterThan(lost?.["begun/s"] ?? 0);
  expect(moved?.["begun/s"]).toBeGreaterThan(before?.["begun/s"] ?? 0);
});
