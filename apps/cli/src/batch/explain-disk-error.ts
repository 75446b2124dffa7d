import { Problem } from "../problem.ts";

const ofPath = new Map([
  ["ENOENT", "is not there"],
  ["EACCES", "may not be used by you"],
  ["EPERM", "may not be used by you"],
  ["EROFS", "is on a disk that cannot be written to"],
  ["EISDIR", "is a folder"],
  ["ENOTDIR", "is not a folder, or not in one"],
]);
const full = new Set(["ENOSPC", "EDQUOT"]);

/** Turns an error of the disk into a sentence that says what to do. Returns every other error unchanged. */
export function explainDiskError(error: unknown): unknown {
  if (!(error instanceof Error && "syscall" in error && "code" in error)) return error;
  const code = String(error.code);
  const path = "path" in error ? String(error.path) : undefined;
  if (full.has(code))
    return new Problem(`The disk is full (${code}). Make room, and run the same command again.`, { cause: error });
  // On a disk that cannot be written to, Node says of a folder that is to be made that it is not there.
  if (error.syscall === "mkdir")
    return new Problem(`The folder ${path} cannot be created (${code}).`, { cause: error });
  return new Problem(`${path ?? "The file"} ${ofPath.get(code) ?? "cannot be used"} (${code}).`, { cause: error });
}
