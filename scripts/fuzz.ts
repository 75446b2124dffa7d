// `pnpm fuzz`: runs the property tests again and again, each round with a seed of its own, and prints what failed with its seed.
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";

const usage = `Usage: pnpm fuzz [--minutes 10] [--rounds N] [--seed N] [FILE…]

Runs the property tests with random seeds for so many minutes, or rounds. With --seed, one round with that seed.
FILE: some of the test files, by a part of their path; all of them when left out.`;

const checkout = resolve(import.meta.dirname, "..");
/** fast-check's seeds are integers of 32 bits. */
const seeds = 2 ** 31;
/** It may run beside other work for hours, and what is slow is not what it looks for. */
const testTimeoutMs = 300_000;

const { values, positionals } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    rounds: { type: "string", default: "Infinity" },
    seed: { type: "string" },
    help: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const minutes = Number(values.minutes);
const rounds = values.seed === undefined ? Number(values.rounds) : 1;
const files = propertyTests().filter(
  (file) => positionals.length === 0 || positionals.some((part) => file.includes(part)),
);
const wrong = !(minutes > 0 && rounds > 0) || Number.isNaN(Number(values.seed ?? 0)) || files.length === 0;
if (values.help || wrong) {
  console.log(wrong && files.length === 0 ? `No property test has such a path.\n\n${usage}` : usage);
  process.exit(values.help ? 0 : 2);
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
const endsAtMs = performance.now() + minutes * 60_000;
const failedSeeds: number[] = [];
let done = 0;
while (!stop.signal.aborted && done < rounds && (done === 0 || performance.now() < endsAtMs)) {
  const seed = Number(values.seed ?? randomInt(seeds));
  const { passed, printed } = await run(seed);
  if (stop.signal.aborted) break;
  done++;
  console.log(`Round ${done}, seed ${seed}: ${passed ? "passed" : "FAILED"}`);
  if (passed) continue;
  failedSeeds.push(seed);
  console.log(printed);
}
console.log(`\n${done} rounds of ${files.length} files, ${failedSeeds.length} failed.`);
for (const seed of failedSeeds)
  console.log(`Run one again with: pnpm fuzz --seed ${seed} ${positionals.join(" ")}`.trimEnd());
process.exitCode = failedSeeds.length > 0 || done === 0 ? 1 : 0;

/** The test files that use fast-check. */
function propertyTests(): string[] {
  const all = globSync("{apps,packages,e2e,bench,scripts}/**/*.test.ts", {
    cwd: checkout,
    exclude: ["**/node_modules"],
  });
  return all.filter((file) => readFileSync(resolve(checkout, file), "utf8").includes('"fast-check"')).toSorted();
}

async function run(seed: number) {
  const vitest = resolve(checkout, "node_modules/vitest/vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", `--testTimeout=${testTimeoutMs}`, ...files], {
    cwd: checkout,
    env: { ...process.env, TEST_SEED: String(seed) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, problems, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { passed: code === 0, printed: `${out}\n${problems}` };
}
