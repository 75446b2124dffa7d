/** Logs for its parent, which does not read its standard output, and tells over IPC what that cost. */
import { write } from "node:fs";
import { createLogger } from "./logger.ts";

let dropped = 0;
const log = createLogger({ name: "slow", level: "info", pretty: false, onDrop: () => void dropped++ });
const filler = "x".repeat(1_000);
const before = heapBytes();
for (let i = 0; i < 60_000; i++) log.info({ filler }, "A line");
process.send?.({ dropped, grownBytes: heapBytes() - before });
process.on("message", (message) => {
  if (message === "end") process.exit();
  log.info({}, "Another line");
  // Begun after the write of the log, so that has ended, too, when this one has.
  write(process.stdout.fd, "\n", () => process.send?.({ dropped }));
});

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
