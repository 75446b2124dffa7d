import { StorageError, type StorageErrorFacts } from "../storage-error.ts";

const full = {
  retryable: true,
  advice: "The disk is full: make room, or set STORAGE_DIRECTORY to a folder on another disk.",
};
const refused = {
  retryable: false,
  advice: "The folder is not writable for this user: change its owner, or set STORAGE_DIRECTORY to another one.",
};
const crossed = {
  retryable: false,
  advice: "On a disk a name is a file or a folder: an object's key cannot also be the beginning of another's.",
};

const causes: Record<string, { retryable: boolean; advice: string }> = {
  ENOSPC: full,
  EDQUOT: full,
  EACCES: refused,
  EPERM: refused,
  EROFS: refused,
  EISDIR: crossed,
  ENOTDIR: crossed,
  EEXIST: crossed,
  ENOTEMPTY: crossed,
};

export const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** The fact sheet for a system error met at `folder`. An unknown one counts as passing: the disk may be back soon. */
export function filesystemError(
  operation: StorageErrorFacts["operation"],
  key: string,
  folder: string,
  error: unknown,
): StorageError {
  const { retryable, advice } = causes[codeOf(error)] ?? {
    retryable: true,
    advice: "The disk did not do what was asked.",
  };
  const detail = error instanceof Error ? error.message : String(error);
  return new StorageError({ operation, key, retryable, advice, detail: `${folder}: ${detail}`, cause: error });
}
