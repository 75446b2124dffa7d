/** Logs for its parent, which does not read its standard output, and tells over IPC what that cost. */
import { createLogger } from "./logger.ts";

let dropped = 0;
const log = createLogger({ name: "slow", level: "info", pretty: false, onDrop: () => void dropped++ });
const filler = "x".repeat(1_000);
const before = heapBytes();
for (let i = 0; i < 60_000; i++) log.info({ filler }, "A line");
process.send?.({ dropped, grownBytes: heapBytes() - before });
// The parent reads now; it ends this process by a message.
process.once("message", () => process.exit());

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
