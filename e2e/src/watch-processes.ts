import { existsSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Service } from "./service.ts";

/** What a process does in a span of time. */
export type Watched = {
  /** The lines that it logs. */
  lines: readonly string[];
  /** The CPU time that it takes, in milliseconds. 0 where the system does not tell (it has no /proc). */
  cpuMs: number;
};

/** Linux counts in hundredths of a second (`getconf CLK_TCK`). */
const tickMs = 10;

/** The CPU time of a process since its start, in milliseconds. */
function cpuTimeMs(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return 0;
  // Behind the name, which may have spaces in it: user time is the 12th, system time the 13th.
  const fields = readFileSync(file, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

/** Watches processes for some time, all of them at once. The one thing to do here is to wait: it is the length of the measurement. */
export async function watchProcesses(services: readonly Service[], forMs: number): Promise<Watched[]> {
  const before = services.map(({ pid, lines }) => ({ lines: lines.length, cpuMs: cpuTimeMs(pid) }));
  await pause(forMs);
  return services.map(({ pid, lines }, i) => ({
    lines: lines.slice(before[i]?.lines),
    cpuMs: cpuTimeMs(pid) - (before[i]?.cpuMs ?? 0),
  }));
}
