import { createFileStore } from "@darkroom/files";
import type { Logger } from "@darkroom/runtime";
import type { CloseList } from "@darkroom/runtime";
import { createTicker } from "@darkroom/runtime";
import type { ObjectStore } from "@darkroom/storage";
import type { WorkerConfig } from "./config.ts";
import type { OpenQueue } from "./open-queue.ts";

/** Removes files that have expired, and what is left of uploads that died, every so often. Every worker does. */
export function openFiles(
  config: Pick<WorkerConfig, "QUEUE_PREFIX" | "RECOVERY_INTERVAL_MS">,
  { redis }: Pick<OpenQueue, "redis">,
  objects: ObjectStore,
  log: Logger,
  closes: CloseList,
): void {
  const files = createFileStore({ redis, prefix: config.QUEUE_PREFIX, objects, log });
  const sweeps = createTicker({
    everyMs: config.RECOVERY_INTERVAL_MS,
    async tick() {
      const swept = await files.sweep();
      if (swept > 0) log.info({ files: swept }, "Removed files that are no longer kept");
    },
    onError: (error) => log.warn({ err: error }, "Expired files could not be removed; the next round tries again"),
  });
  closes.add("the sweep of files", () => sweeps.close());
}
