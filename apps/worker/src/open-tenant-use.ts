import { type Accounts, createRecountTenantUse } from "@darkroom/accounts";
import { createBatchStore } from "@darkroom/batches";
import type { FileStore } from "@darkroom/files";
import type { QueueWorker } from "@darkroom/generations";
import type { CloseList, Logger } from "@darkroom/runtime";
import type { WorkerConfig } from "./config.ts";

export type OpenTenantUseOptions = {
  config: Pick<WorkerConfig, "RECOVERY_INTERVAL_MS">;
  queue: Pick<QueueWorker, "connection" | "leases">;
  files: Pick<FileStore, "count">;
  names: Accounts["names"];
  log: Logger;
  closes: CloseList;
};

/** Counts again what tenants hold, each about once an hour, in the worker of the fleet that holds the task. */
export function openTenantUse({ config, queue, files, names, log, closes }: OpenTenantUseOptions): void {
  const { leases } = queue;
  const { redis, keys } = queue.connection;
  const batches = createBatchStore(redis, keys);
  const recount = createRecountTenantUse({
    redis,
    names,
    countFiles: files.count,
    countLines: batches.countLines,
    log,
  });
  const counts = leases.own({
    kind: "tenant-use",
    parts: ["all"],
    everyMs: config.RECOVERY_INTERVAL_MS,
    tick: recount,
    onError: (error) => log.warn({ err: error }, "What tenants hold could not be counted; the next round tries again"),
  });
  closes.add("the count of what tenants hold", () => counts.close());
}
