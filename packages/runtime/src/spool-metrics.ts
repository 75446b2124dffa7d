import { Counter, Gauge, type Registry } from "prom-client";

/** What is asked at each scrape: bytes, and a number of replies. */
export type SpoolUse = { usedBytes(): number; memoryBytes(): number; waiting(): number };

/** The metrics of the place where images wait between their arrival and the object store. A process without one tells zeros. */
export function createSpoolMetrics(registry: Registry) {
  let source: SpoolUse | undefined;
  const bytes = new Gauge({
    name: "darkroom_spool_bytes",
    help: "Bytes of images that wait for the object store: on disk, and in memory where the disk did not take them.",
    labelNames: ["place"],
    registers: [registry],
    collect() {
      bytes.set({ place: "disk" }, source?.usedBytes() ?? 0);
      bytes.set({ place: "memory" }, source?.memoryBytes() ?? 0);
    },
  });
  const waiting = new Gauge({
    name: "darkroom_spool_waiting_replies",
    help: "Replies of providers that are not read on because there is no room for their images.",
    registers: [registry],
    collect() {
      waiting.set(source?.waiting() ?? 0);
    },
  });
  const errors = new Counter({
    name: "darkroom_spool_disk_errors_total",
    help: "Images that could not be written to SPOOL_DIRECTORY and went into memory.",
    registers: [registry],
  });
  return {
    /** Has the gauges ask this spool at each scrape. */
    readFrom(spool: SpoolUse): void {
      source = spool;
    },
    /** Counts an image that the disk did not take. */
    diskFailed: (): void => errors.inc(),
  };
}
