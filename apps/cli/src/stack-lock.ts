import { join } from "node:path";
import { claimPidLock } from "./pid-lock.ts";
import { Problem } from "./problem.ts";

/**
 * Makes sure that one stack at a time uses a state directory: two would write the same Redis files.
 * @returns a function that gives the lock back
 */
export function lockStack(stateDirectory: string): () => void {
  const file = join(stateDirectory, "stack.lock");
  const lock = claimPidLock(file);
  if ("release" in lock) return lock.release;
  throw new Problem(
    `Darkroom is already running from this folder (process ${lock.owner}); its address and key are in ` +
      `${join(stateDirectory, "local.json")}. Stop it first, or, if that process is something else, delete ${file}.`,
  );
}
