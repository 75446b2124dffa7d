import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The wall clock of processes that a test starts, which it can set forward or back. */
export type ShiftedClock = {
  /** What each process has to be given beside its own environment. */
  environment: Record<string, string>;
  /** Sets the clock of all of them forward by so many milliseconds, whole seconds; a negative number sets it back. */
  forward: (ms: number) => Promise<void>;
  /** Milliseconds by which it is ahead of the clock of this process. */
  aheadMs: () => number;
  close: () => Promise<void>;
};

/**
 * Makes such a clock, with the C compiler of the machine. Null where there is none, or the system is not Linux: then what needs it is
 * skipped, but where `CI` is set this throws. Timers run as before: only the time of day is set forward, and with it that of Redis (`TIME`, and
 * when keys expire).
 */
export async function openShiftedClock(): Promise<ShiftedClock | null> {
  if (process.platform !== "linux") return null;
  const folder = await mkdtemp(join(tmpdir(), "darkroom-clock-"));
  const close = () => rm(folder, { recursive: true, force: true });
  const [library, file] = [join(folder, "shifted-clock.so"), join(folder, "offset")];
  try {
    await run("cc", ["-shared", "-fPIC", "-O2", "-o", library, join(import.meta.dirname, "shifted-clock.c"), "-ldl"]);
  } catch (error) {
    await close();
    if (error instanceof Error && "code" in error && error.code === "ENOENT" && !process.env["CI"]) return null;
    throw error;
  }
  let seconds = 0;
  const write = async () => {
    const offset = Buffer.alloc(8);
    offset.writeBigInt64LE(BigInt(seconds));
    // In place: the processes have this file mapped, and would not see another one under its name.
    await writeFile(file, offset, { flag: "r+" });
  };
  await writeFile(file, Buffer.alloc(8));
  return {
    environment: { LD_PRELOAD: library, SHIFTED_CLOCK: file },
    async forward(ms) {
      seconds += Math.round(ms / 1_000);
      await write();
    },
    aheadMs: () => seconds * 1_000,
    close,
  };
}
