import { readFileSync, statSync } from "node:fs";

/** Sixteen thousand deployments, or a key as long as any: reading it stops the process for milliseconds. */
const maxBytes = 4 * 1024 * 1024;

/**
 * Reads a file for which this process stands still. Throws an error that says why it cannot be read. A pipe or a device is not opened, because reading
 * it may never end, and neither is a file that is too long.
 */
export function readSmallFile(file: string): string {
  try {
    const status = statSync(file);
    if (!status.isFile()) throw new Error("it is no file");
    if (status.size > maxBytes) throw new Error(`it has ${status.size} bytes, and may have ${maxBytes}`);
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
