import type { Ledger } from "@darkroom/accounts";
import type { TaskLeases } from "@darkroom/redis";
import type { CloseList, Logger } from "@darkroom/runtime";
import type { WorkerConfig } from "./config.ts";

export type OpenLedgerOptions = {
  config: Pick<WorkerConfig, "LEDGER_EXPORT_INTERVAL_MS">;
  ledger: Pick<Ledger, "exportDue">;
  leases: TaskLeases;
  log: Logger;
  closes: CloseList;
};

/**
 * Moves the ledger out of Redis into the object store, every so often, in the worker of the fleet that holds the task. Where two hold it for a
 * moment, each entry is moved once all the same.
 */
export function openLedger({ config, ledger, leases, log, closes }: OpenLedgerOptions): void {
  const exports = leases.own({
    kind: "ledger-export",
    parts: ["all"],
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
