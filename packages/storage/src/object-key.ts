import { StorageError, type StorageErrorFacts } from "./storage-error.ts";

/** Segments of safe characters; `.` and `..` are refused below, so that a key can never leave a folder. */
const shape = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;
const longest = 512;

export const isObjectKey = (key: string): boolean =>
  key.length <= longest && shape.test(key) && !key.split("/").some((segment) => segment === "." || segment === "..");

/** Throws `StorageError` for a key that no store takes. Every method of every store begins with it. */
export function assertObjectKey(operation: StorageErrorFacts["operation"], key: string): void {
  if (isObjectKey(key)) return;
  throw new StorageError({
    operation,
    key: key.slice(0, longest),
    retryable: false,
    advice: `A key has segments of A-Z, a-z, 0-9, ".", "_" and "-", joined by "/", none of them "." or "..", and at most ${longest} characters.`,
  });
}
