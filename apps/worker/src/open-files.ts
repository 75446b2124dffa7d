import type { FileStore } from "@darkroom/files";
import type { TaskLeases } from "@darkroom/redis";
import type { CloseList, Logger } from "@darkroom/runtime";
import type { WorkerConfig } from "./config.ts";

export type OpenFilesOptions = {
  config: Pick<WorkerConfig, "RECOVERY_INTERVAL_MS">;
  files: Pick<FileStore, "sweep">;
  leases: TaskLeases;
  log: Logger;
  closes: CloseList;
};

/** Removes files that have expired, and what is left of uploads that died, every so often, in the worker of the fleet that holds the task. */
export function openFiles({ config, files, leases, log, closes }: OpenFilesOptions): void {
  const sweeps = leases.own({
    kind: "file-removal",
    parts: ["all"],
    everyMs: config.RECOVERY_INTERVAL_MS,
    async tick() {
      const swept = await files.sweep();
      if (swept > 0) log.info({ files: swept }, "Removed files that are no longer kept");
    },
    onError: (error) => log.warn({ err: error }, "Expired files could not be removed; the next round tries again"),
  });
  closes.add("the sweep of files", () => sweeps.close());
}
