import type { Row, Scenario } from "../wait/scenario.ts";
import { failedBatchReaders } from "./failed-batch-readers.ts";
import { filteredLists } from "./filtered-lists.ts";
import { hangingWebhooks } from "./hanging-webhooks.ts";
import { heldLines } from "./held-lines.ts";
import { longLists } from "./long-lists.ts";
import { longPaths } from "./long-paths.ts";
import { type CallKind, callKinds, type CallTimes, measureCalls } from "./measure-calls.ts";
import type { Neighbour } from "./neighbour.ts";
import { openNeighbourStack } from "./open-neighbour-stack.ts";
import { pipelinedLink, unreadLinks } from "./unread-links.ts";
import { tooLargeBodies, wrongMetadata } from "./wrong-metadata.ts";

/** A control: the two measurements differ only by what else the machine does. */
const nobody: Neighbour = {
  name: "nobody",
  title: "nothing, as a control",
  start: async () => async () => {},
};

/**
 * `pnpm bench neighbours`: what one tenant, or a client without a key, takes from another tenant.
 *
 * To add a neighbour:
 * 1. Write a file in this folder, named after what the neighbour does, that exports a `Neighbour`: a name, a title with its size,
 *    `prepare` for what must be there before anything is measured, and `start`, which resolves with the function that stops it.
 * 2. Let a process of its own do the work: `repeatRequests` starts the load generator. The bench's own process measures, and what keeps
 *    it busy is measured, too.
 * 3. Add it to the list below.
 * 4. Run `pnpm bench neighbours --only NAME`, and add the rows to `docs/performance.md`.
 *
 * Each neighbour has a stack of its own: Redis, an api and a worker as processes, with the sandbox as the provider. On it tenant B is
 * measured alone and then beside the neighbour, so that both numbers are of one run.
 */
const neighbours: readonly Neighbour[] = [
  nobody,
  longLists,
  filteredLists,
  failedBatchReaders,
  hangingWebhooks,
  longPaths,
  wrongMetadata,
  tooLargeBodies,
  pipelinedLink,
  unreadLinks,
  heldLines,
];

/** The most that a call of B may take beside a neighbour, as a multiple of what it takes alone. */
const wantedRatio = 1.5;

export const besideNeighbours: Scenario = {
  number: 1,
  title: `Calls of one tenant beside a neighbour: wanted are at most ${wantedRatio} times as long, and no failure`,
  async run({ only, quick, profileTo, tell }) {
    const chosen = neighbours.filter(({ name }) => only === undefined || only.includes(name));
    if (chosen.length === 0) throw new Error(`There is no such neighbour. There are: ${names()}`);
    const rows: Row[] = [];
    for (const neighbour of chosen) {
      tell(`${neighbour.name}: ${neighbour.title}`);
      rows.push(...(await measureBeside(neighbour, { quick, profileTo, tell })));
    }
    return rows;
  },
};

const names = (): string => neighbours.map(({ name }) => name).join(", ");

type MeasureOptions = { quick: boolean; profileTo: string | undefined; tell: (text: string) => void };

async function measureBeside(neighbour: Neighbour, options: MeasureOptions): Promise<Row[]> {
  const { quick, tell } = options;
  await using stack = await openNeighbourStack(options);
  await neighbour.prepare?.(stack);
  // Long enough for 600 calls of the rarer kinds: with 100, the p99 is the slowest call, and one garbage collection decides it.
  const durationMs = quick ? 4_000 : 60_000;
  // The first calls compile what all later ones use.
  await measureCalls(stack, quick ? 1_000 : 5_000);
  tell("B alone");
  const alone = await measureCalls(stack, durationMs);
  const stop = await neighbour.start(stack);
  tell("B beside the neighbour");
  const beside = await measureCalls(stack, durationMs).finally(stop);
  return callKinds.map((kind) => rowOf(neighbour.name, kind, alone[kind], beside[kind]));
}

function rowOf(neighbour: string, call: CallKind, alone: CallTimes, beside: CallTimes): Row {
  const p50Ratio = ratio(beside.p50Ms, alone.p50Ms);
  const p99Ratio = ratio(beside.p99Ms, alone.p99Ms);
  const isMet = p50Ratio <= wantedRatio && p99Ratio <= wantedRatio && beside.failed === 0;
  return {
    neighbour,
    call,
    "alone p50 ms": alone.p50Ms,
    "alone p99 ms": alone.p99Ms,
    "beside p50 ms": beside.p50Ms,
    "beside p99 ms": beside.p99Ms,
    "p50 ratio": p50Ratio,
    "p99 ratio": p99Ratio,
    calls: beside.answered,
    failed: beside.failed,
    met: isMet ? "yes" : "no",
  };
}

const ratio = (beside: number, alone: number): number => Math.round((beside / alone) * 100) / 100;
