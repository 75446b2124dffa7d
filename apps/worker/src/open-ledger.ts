import { createLedger } from "@darkroom/accounts";
import type { QueueConnection } from "@darkroom/generations";
import { type CloseList, createTicker, type Logger } from "@darkroom/runtime";
import type { ObjectStore } from "@darkroom/storage";
import type { WorkerConfig } from "./config.ts";

export type OpenLedgerOptions = {
  config: Pick<WorkerConfig, "QUEUE_PREFIX" | "LEDGER_EXPORT_INTERVAL_MS">;
  connection: Pick<QueueConnection, "redis">;
  objects: ObjectStore;
  log: Logger;
  closes: CloseList;
};

/** Moves the ledger out of Redis into the object store, every so often. Every worker does; each entry is moved once all the same. */
export function openLedger({ config, connection, objects, log, closes }: OpenLedgerOptions): void {
  const { redis } = connection;
  const ledger = createLedger({ redis, prefix: config.QUEUE_PREFIX, objects, log });
  const exports = createTicker({
    everyMs: config.LEDGER_EXPORT_INTERVAL_MS,
    async tick() {
      const exported = await ledger.exportDue();
      if (exported.entries > 0) log.info(exported, "Exported entries of the ledger");
    },
    onError: (error) =>
      log.warn({ err: error }, "The ledger could not be exported; its entries stay in Redis until it can"),
  });
  closes.add("the export of the ledger", () => exports.close());
}
