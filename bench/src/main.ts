import { join } from "node:path";
import { parseArgs } from "node:util";
import { bytes } from "./bytes/bytes.ts";
import { fleetOfCells } from "./cells/cells.ts";
import { callersBeside } from "./batch/callers-beside.ts";
import { wholeBatch } from "./batch/whole-batch.ts";
import { fleet } from "./fleet/fleet.ts";
import { describeMachine, loadAverage } from "./machine.ts";
import { type Report, tableOf, writeReport } from "./report.ts";
import { besideNeighbours } from "./neighbours/beside-neighbours.ts";
import { answers, pictures } from "./hostile/hostile.ts";
import { steppedStack } from "./plan/stepped-stack.ts";
import { refusalTiming } from "./keys/refusal-timing.ts";
import { rightBesideWrong } from "./keys/right-beside-wrong.ts";
import { commandsBeside } from "./redis/commands-beside.ts";
import { recordMemory } from "./redis/record-memory.ts";
import { writeCost } from "./redis/write-cost.ts";
import type { Scenario } from "./wait/scenario.ts";
import { redisCost } from "./wait/redis-cost.ts";
import { submitLatency } from "./wait/submit-latency.ts";
import { throughput } from "./wait/throughput.ts";
import { waitingMemory } from "./wait/waiting-memory.ts";

const usage = `pnpm bench wait|keys|batch|redis|neighbours|hostile|fleet|bytes|plan|cells [--quick] [--scenario 1,2] [--only NAME,NAME] [--lines 50000] [--workers 1,2] [--profile FOLDER] [--output FILE]

  --quick     small counts, one round: a look within a minute, not a measurement
  --scenario  only these
  --only      of neighbours, and of the systems of bytes, only those of these names
  --lines     how many lines a batch has: 50,000 by default, 1,000 where it is to be quick
  --workers   of fleet: with how many workers each, 1,4,16 by default
  --profile   write a CPU profile of every api and worker process into this folder
  --output    where the JSON goes; bench/results/ by default
  --help      show this text`;

const benches = new Map<string, Scenario[]>([
  ["wait", [throughput, redisCost, waitingMemory, submitLatency]],
  ["keys", [refusalTiming, rightBesideWrong]],
  ["batch", [wholeBatch, callersBeside]],
  ["redis", [writeCost, commandsBeside, recordMemory]],
  ["neighbours", [besideNeighbours]],
  ["hostile", [pictures, answers]],
  ["fleet", fleet],
  ["bytes", bytes],
  ["plan", [steppedStack]],
  ["cells", [fleetOfCells]],
]);

function endWithUsage(mistake: string): never {
  console.error(`${mistake}\n\n${usage}`);
  process.exit(1);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h", default: false },
        quick: { type: "boolean", default: false },
        scenario: { type: "string" },
        only: { type: "string" },
        lines: { type: "string" },
        workers: { type: "string" },
        profile: { type: "string" },
        output: { type: "string" },
      },
    });
  } catch (error) {
    return endWithUsage(error instanceof Error ? error.message : String(error));
  }
}

const { values, positionals } = readArguments();
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const [bench = ""] = positionals;
const candidates = benches.get(bench) ?? endWithUsage(bench === "" ? "Name a bench." : `There is no bench "${bench}".`);

// Through an orderly exit, which takes the processes and folders along that are open at that moment.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

const { quick, scenario, profile } = values;
const lines = Number(values.lines ?? (quick ? 1_000 : 50_000));
const only = values.only?.split(",");
const workers = values.workers?.split(",").map(Number);
const wanted = scenario?.split(",").map(Number);
const report: Report = {
  bench,
  startedAt: new Date().toISOString(),
  quick,
  machine: await describeMachine(),
  loadAverageBefore: loadAverage(),
  scenarios: [],
};
const tell = (text: string) => console.error(`  ${text}`);
for (const candidate of candidates) {
  const { number, title } = candidate;
  if (wanted !== undefined && !wanted.includes(number)) continue;
  console.log(`\n### ${number}. ${title}\n`);
  try {
    const rows = await candidate.run({ quick, lines, only, workers, profileTo: profile, tell });
    report.scenarios.push({ number, title, rows });
    console.log(tableOf(rows));
  } catch (error) {
    // The others can be measured all the same.
    report.scenarios.push({ number, title, rows: [], error: String(error) });
    console.error(error);
    process.exitCode = 1;
  }
}
const results = join(import.meta.dirname, "../results");
const output = values.output ?? join(results, `${bench}-${report.startedAt.replaceAll(":", "-").slice(0, 19)}.json`);
await writeReport(output, report);
console.error(`\nWritten to ${output}`);
