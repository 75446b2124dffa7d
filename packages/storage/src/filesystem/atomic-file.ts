import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { codeOf } from "./filesystem-error.ts";

/** Between making a folder and renaming into it, a deletion may remove it again; it does not happen this often in a row. */
const renameTries = 5;
/** No write takes a day: what lies in the incoming folder for longer is left over from a crash. */
const staleAfterMs = 24 * 60 * 60 * 1000;

/**
 * Writes a file so that `path` holds all of the body or what it held before, through a crash of the machine too: into `incoming`
 * (on the same disk), flushed, then renamed.
 */
export async function writeAtomically(
  path: string,
  body: Uint8Array | Readable,
  { incoming, signal }: { incoming: string; signal?: AbortSignal | undefined },
): Promise<void> {
  await mkdir(incoming, { recursive: true });
  const temporary = join(incoming, randomUUID());
  try {
    if (body instanceof Readable) await pipeline(body, createWriteStream(temporary, { flush: true }), { signal });
    else await writeFile(temporary, body, { flush: true, signal });
    signal?.throwIfAborted();
    await moveInto(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function moveInto(temporary: string, path: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      // This too fails when a deletion removes a folder halfway down that was just made.
      await mkdir(dirname(path), { recursive: true });
      await rename(temporary, path);
      break;
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || tries === renameTries) throw error;
    }
  }
  // The new name is durable only when its folder is flushed as well.
  const folder = await open(dirname(path), "r").catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  await folder?.sync().finally(() => folder.close());
}

/** Removes a file, if it is there, and the folders that it leaves empty, up to but not including `root`. */
export async function removeFile(path: string, root: string): Promise<void> {
  try {
    await rm(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ERR_FS_EISDIR"].includes(codeOf(error))) return;
    throw error;
  }
  for (let folder = dirname(path); folder !== root; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      // Not empty, or already gone.
      return;
    }
  }
}

/** Removes what a crash left half-written more than a day before `nowMs`. */
export async function removeStale(incoming: string, nowMs: number): Promise<void> {
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    // Another process may finish its write, or do this same clearing, meanwhile.
    const modifiedMs = await stat(path).then(
      (file) => file.mtimeMs,
      () => nowMs,
    );
    if (nowMs - modifiedMs > staleAfterMs) await rm(path, { force: true });
  }
}
