import {
  type Assumption,
  assumptionsOf,
  type Bottleneck,
  bottlenecksOf,
  type CapacityPlan,
  cellsFor,
  type Load,
  mostImagesPerSecond,
  planCapacity,
} from "@darkroom/capacity";
import { formatBytes, formatCount } from "./quantities.ts";
import { facts, table } from "./table.ts";

/** The options of `darkroom plan`, by what they say. */
const optionOf: Partial<Record<keyof Load, string>> = {
  imagesPerSecond: "--rate",
  serviceSeconds: "--seconds",
  imageBytes: "--image-size",
  imagesPerGeneration: "--images",
  retentionSeconds: "--retention",
};

/** A plan as `darkroom plan` prints it, for a person and for a program. */
export function describePlan(load: Load): { text: string; json: object } {
  const plan = planCapacity(load);
  const bottlenecks = bottlenecksOf(plan);
  const cells = cellsFor(load);
  const assumptions = assumptionsOf(load);
  const text = [
    facts(factsOf(plan)),
    limitsOf(load, bottlenecks, cells),
    `If an assumption is twice as much, times as much of:\n${tableOf(assumptions)}`,
    mattersMost(assumptions, bottlenecks[0]),
  ].join("\n\n");
  return { text, json: { ...plan, bottlenecks, cells: cells?.cells ?? null, assumptions } };
}

const describeProcesses = ({ cores, memoryBytes, decidedBy }: CapacityPlan["workers"] | CapacityPlan["apis"]): string =>
  `${formatCount(cores)} cores together, up to ${formatBytes(memoryBytes)} each (by ${decidedBy})`;

function factsOf(plan: CapacityPlan): [string, string][] {
  const { workers, apis, redis, store } = plan;
  const { memory } = redis;
  return [
    [
      "load",
      `${formatCount(plan.imagesPerSecond)} images/s in ${formatCount(plan.generationsPerSecond)} generations/s, ` +
        `${formatCount(plan.callsAtATime)} calls at a time`,
    ],
    ["workers", `${formatCount(workers.count)}: ${describeProcesses(workers)}`],
    ["wait for a slot", `${formatSeconds(workers.meanWaitForSlotSeconds)} in the mean`],
    ["apis", `${formatCount(apis.count)}: ${describeProcesses(apis)}, ${formatCount(apis.heldRequests)} requests held`],
    ["Redis memory", `${formatBytes(redis.memoryBytes)}; set maxmemory to ${formatBytes(redis.maxmemoryBytes)}`],
    [
      "  of it",
      `ended ${formatBytes(memory.ended)}, under way ${formatBytes(memory.underWay)}, ` +
        `tombstones ${formatBytes(memory.tombstones)}, idempotency keys ${formatBytes(memory.idempotencyKeys)}`,
    ],
    ["Redis commands", `${formatCount(redis.commandsPerSecond)}/s, ${formatPercent(redis.coreShare)} of a core`],
    ["Redis connections", formatCount(redis.connections)],
    [
      "store requests",
      `${formatCount(store.putsPerSecond)} PUT/s, ${formatCount(store.getsPerSecond)} GET/s, ` +
        `${formatCount(store.deleteCallsPerSecond)} DELETE/s`,
    ],
    [
      "store bytes",
      `${formatBytes(store.writtenBytesPerSecond)}/s in, ${formatBytes(store.readBytesPerSecond)}/s out, ` +
        `${formatBytes(store.bytes)} kept in ${formatCount(store.objects)} objects`,
    ],
  ];
}

function limitsOf(
  load: Load,
  bottlenecks: readonly [Bottleneck, ...Bottleneck[]],
  cells: ReturnType<typeof cellsFor>,
): string {
  const [first] = bottlenecks;
  const used = bottlenecks.map(({ name, usedShare }) => `${name} ${formatPercent(usedShare)}`).join(", ");
  const lines = [
    `First bottleneck: ${first.name}, used up at ${formatCount(mostImagesPerSecond(load, first.name))} images/s.`,
    `Used of what may be used: ${used}.`,
  ];
  const tooMuch = bottlenecks.filter(({ usedShare }) => usedShare > 1);
  if (tooMuch.some(({ name }) => name === "upstream"))
    lines.push(
      "The upstream's limit is below the load: more workers draw nothing sooner. Raise the limit, or add an upstream.",
    );
  if (tooMuch.some(({ name }) => name === "Redis connections"))
    lines.push(
      "Redis refuses so many connections by default: raise its maxclients, or have fewer workers with a larger WORKER_CONCURRENCY.",
    );
  if (tooMuch.some(({ name }) => name === "object store"))
    lines.push(
      "One prefix of S3 may refuse so many writes with 503 at first: spread the tenants over buckets (docs/cells.md).",
    );
  if (cells === null) lines.push("No number of cells is enough: the memory of Redis is too small for any.");
  else if (cells.cells > 1)
    lines.push(
      `One Redis is not enough: ${formatCount(cells.cells)} cells (docs/cells.md), each with ${formatCount(cells.cell.workers.count)} workers, ` +
        `${formatCount(cells.cell.apis.count)} apis and a maxmemory of ${formatBytes(cells.cell.redis.maxmemoryBytes)}.`,
    );
  else lines.push("One Redis is enough.");
  return lines.join("\n");
}

const tableOf = (assumptions: readonly Assumption[]): string =>
  table(
    ["assumption", "workers", "apis", "Redis memory", "Redis CPU", "store bytes"],
    assumptions.map(({ name, workers, apis, redisMemory, redisCpu, storeBytes }) => [
      optionOf[name] ?? name,
      ...[workers, apis, redisMemory, redisCpu, storeBytes].map((factor) => factor.toFixed(2)),
    ]),
  );

function mattersMost([, most]: readonly Assumption[], bottleneck: Bottleneck): string {
  if (most === undefined || most.bottleneck <= 1.1)
    return `No assumption but --rate moves the first bottleneck, ${bottleneck.name}, by more than a tenth.`;
  const times = most.bottleneck.toFixed(2);
  return `Beside --rate, ${optionOf[most.name] ?? most.name} matters most: twice as much takes ${times} times as much of the first bottleneck, ${bottleneck.name}.`;
}

const formatPercent = (share: number): string => `${formatCount(share * 100)} %`;

function formatSeconds(seconds: number): string {
  if (seconds < 0.001) return "less than 1 ms";
  return seconds < 1 ? `${formatCount(seconds * 1_000)} ms` : `${formatCount(seconds)} s`;
}
