import { StorageError } from "./storage-error.ts";

/** AWS signs a link for at most seven days (Signature Version 4, `X-Amz-Expires`); the other stores keep to the same limit. */
const longestLinkSeconds = 7 * 24 * 60 * 60;

/** Throws `StorageError` for a lifetime that a link cannot have. */
export function assertLinkLifetime(key: string, expiresInSeconds: number): void {
  if (Number.isInteger(expiresInSeconds) && expiresInSeconds >= 1 && expiresInSeconds <= longestLinkSeconds) return;
  throw new StorageError({
    operation: "link",
    key,
    retryable: false,
    advice: `A link lives for 1 to ${longestLinkSeconds} whole seconds, not ${expiresInSeconds}.`,
  });
}
