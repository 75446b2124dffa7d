import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { claimPidLock, type PidLock } from "../pid-lock.ts";
import { isReadOnly } from "./submission.ts";

/** An upload takes seconds to minutes; a fifth of a second more is not noticeable. */
const pollMs = 200;

export type SubmitLock = {
  /** The file to submit. */
  file: string;
  /** The folder for its results. */
  out: string | undefined;
  /** Told once, where another run holds the lock: the lock's path, and the id of that process. */
  onWait: (path: string, owner: string) => void;
};

/**
 * Waits until no other run on this machine submits the same file, and keeps others from it until the answer is called. Runs on other machines
 * are kept from buying the same lines by the name of the batch (`Idempotency-Key`).
 */
export async function lockSubmission({ file, out, onWait }: SubmitLock): Promise<() => void> {
  const beside = `${file}.darkroom-batch.lock`;
  let told = false;
  for (;;) {
    const { path, lock } = claim(beside, out);
    if ("release" in lock) return lock.release;
    if (!told) onWait(path, lock.owner);
    told = true;
    await sleep(pollMs);
  }
}

function claim(beside: string, out: string | undefined): { path: string; lock: PidLock } {
  try {
    return { path: beside, lock: claimPidLock(beside) };
  } catch (error) {
    if (out === undefined || !isReadOnly(error)) throw error;
    mkdirSync(out, { recursive: true });
    const path = join(out, "darkroom-batch.lock");
    return { path, lock: claimPidLock(path) };
  }
}
