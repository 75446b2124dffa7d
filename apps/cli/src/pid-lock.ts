import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";

/** The lock is ours until `release` is called; or it is another process's. */
export type PidLock = { release: () => void } | { owner: string };

/** Between its creation and its first byte a lock says nothing. One that says nothing for longer was left by a power cut. */
const blankForMs = 2_000;

/**
 * Claims a file as a lock by writing the id of this process into it, if no other process has. The lock of a process that is gone (a crash, a power
 * cut) is taken over. Throws what the disk says.
 */
export function claimPidLock(file: string): PidLock {
  if (!create(file)) {
    const owner = ownerOf(file);
    if (owner !== undefined) return { owner };
    rmSync(file, { force: true });
    if (!create(file)) return { owner: ownerOf(file) ?? "unknown" };
  }
  return { release: () => rmSync(file, { force: true }) };
}

function create(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** The process that holds the lock; undefined where it is gone. */
function ownerOf(file: string): string | undefined {
  try {
    const owner = readFileSync(file, "utf8");
    if (owner === "") return Date.now() - statSync(file).mtimeMs < blankForMs ? "unknown" : undefined;
    return isAlive(Number(owner)) ? owner : undefined;
  } catch (error) {
    // It was released in between.
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and belongs to another user.
    return codeOf(error) === "EPERM";
  }
}

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? error.code : undefined);
