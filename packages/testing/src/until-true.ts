import { setTimeout as pause } from "node:timers/promises";

/** Often enough to tell when something began, and no load. */
const lookEveryMs = 20;

/** Resolves when a look has found true. For servers that a test starts; a test itself polls with `expect.poll`. */
export async function untilTrue(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await pause(lookEveryMs);
}
