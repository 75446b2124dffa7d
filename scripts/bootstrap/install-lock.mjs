import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { assertWritable, stateFolder } from "./checkout.mjs";
import { errorCode, Problem } from "./problem.mjs";

/**
 * Lets one process at a time install into this checkout. A lock whose owner is gone (a crash, a power cut) is taken over.
 * @template T
 * @param {() => Promise<T>} work
 * @param {string} [file]
 * @returns {Promise<T>}
 * @throws {Problem} when another process is at it, or when we may not write here
 */
export async function withInstallLock(work, file = join(stateFolder, "install.lock")) {
  assertWritable(dirname(file));
  if (!claim(file)) {
    const owner = Number(readFileSync(file, "utf8"));
    if (isAlive(owner)) {
      throw new Problem(
        `Another Darkroom command (process ${owner}) is installing into this checkout. Try again when it is done. ` +
          `If no such command is running, delete ${file}.`,
      );
    }
    rmSync(file, { force: true });
    if (!claim(file))
      throw new Problem(
        "Another Darkroom command has just begun to install into this checkout. Try again when it is done.",
      );
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** @param {string} file */
function claim(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and belongs to another user.
    return errorCode(error) === "EPERM";
  }
}
