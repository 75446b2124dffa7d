import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Problem } from "./problem.ts";

/**
 * Makes sure that one stack at a time uses a state directory: two would write the same Redis files.
 * The lock of a process that is gone (a crash, a power cut) is taken over.
 * @returns a function that gives the lock back
 */
export function lockStack(stateDirectory: string): () => void {
  const file = join(stateDirectory, "stack.lock");
  if (!claim(file)) {
    const owner = Number(readFileSync(file, "utf8"));
    if (isAlive(owner)) {
      throw new Problem(
        `Darkroom is already running from this folder (process ${owner}); its address and key are in ` +
          `${join(stateDirectory, "local.json")}. Stop it first, or, if that process is something else, delete ${file}.`,
      );
    }
    rmSync(file, { force: true });
    if (!claim(file)) throw new Problem("Another Darkroom has just been started from this folder.");
  }
  return () => rmSync(file, { force: true });
}

function claim(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
