import { existsSync, readdirSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

/** Linux lists the threads of a process here, and counts niceness for each of them; what begins later has that of the main thread. */
const threads = "/proc/self/task";

/** Lets others have a core first that this process wants, too: `niceness` as `nice` counts it. One that stands further back stays there. */
export function lowerPriority(niceness: number): void {
  const ids = existsSync(threads) ? readdirSync(threads).map(Number) : [process.pid];
  for (const id of ids) if (getPriority(id) < niceness) setPriority(id, niceness);
}
