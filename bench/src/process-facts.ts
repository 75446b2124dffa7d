import { readFile } from "node:fs/promises";

/** Linux counts a process' time in hundredths of a second, on every machine that we know of (`getconf CLK_TCK`). */
const microsecondsPerTick = 10_000;

/** Fields 14 to 17 of `/proc/PID/stat`: CPU time of a process, user and system, and of its children that have ended, in ticks. */
async function cpuTicks(pid: number): Promise<[user: number, system: number, ended: number, endedSystem: number]> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The program's name may have blanks in it, so the fields are counted from its closing bracket (man 5 proc_pid_stat).
  const [user = 0, system = 0, ended = 0, endedSystem = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15)
    .map(Number);
  return [user, system, ended, endedSystem];
}

/** CPU time that a process has used since it started, user and system together, in microseconds. */
export async function cpuMicros(pid: number): Promise<number> {
  const [user, system] = await cpuTicks(pid);
  return (user + system) * microsecondsPerTick;
}

/** The processes that a process has started and that run still. */
export async function childrenOf(pid: number): Promise<number[]> {
  // Node starts processes from its main thread, which has the number of the process.
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.split(" ").filter(Boolean).map(Number);
}

/** CPU time of all processes that a process has started, in microseconds. */
export async function cpuMicrosOfChildren(pid: number): Promise<number> {
  const [, , ended, endedSystem] = await cpuTicks(pid);
  const running = await Promise.all((await childrenOf(pid)).map(cpuMicros));
  return running.reduce((sum, micros) => sum + micros, (ended + endedSystem) * microsecondsPerTick);
}

/** Memory of a process that is in RAM, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}

/** The most memory of a process that was in RAM at a time, in bytes. */
export async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}
