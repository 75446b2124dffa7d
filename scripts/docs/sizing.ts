import { describePlan } from "../../apps/cli/src/text/describe-plan.ts";
import { formatBytes, formatCount } from "../../apps/cli/src/text/quantities.ts";
import { cellsFor, defaultLoad, type Load, planCapacity } from "../../packages/capacity/src/index.ts";
import { markdownTable } from "./markdown-table.ts";

const ratesPerSecond = [1, 10, 50, 100, 500, 1_000];
const loadOf = (imagesPerSecond: number): Load => ({ ...defaultLoad, imagesPerSecond, serviceSeconds: 20 });

/** What docs/operating.md shows: the command with its output, and a row for each of some rates, both computed by what the command runs. */
export function sizing(): string {
  const head = [
    "images/s",
    "workers",
    "apis",
    "Redis memory",
    "`maxmemory`",
    "Redis commands/s",
    "of a Redis core",
    "Redis connections",
    "store writes",
    "kept in the store",
    "cells",
  ];
  const rows = ratesPerSecond.map((rate) => {
    const load = loadOf(rate);
    const { workers, apis, redis, store } = planCapacity(load);
    return [
      formatCount(rate),
      formatCount(workers.count),
      formatCount(apis.count),
      formatBytes(redis.memoryBytes),
      formatBytes(redis.maxmemoryBytes),
      formatCount(redis.commandsPerSecond),
      `${formatCount(redis.coreShare * 100)} %`,
      formatCount(redis.connections),
      `${formatBytes(store.writtenBytesPerSecond)}/s`,
      formatBytes(store.bytes),
      formatCount(cellsFor(load)?.cells ?? 0),
    ];
  });
  const { text } = describePlan(loadOf(50));
  return `\`\`\`\n$ ./darkroom plan --rate 50/s --seconds 20\n${text}\n\`\`\`\n\n${markdownTable([head, ...rows])}`;
}
