import { hash } from "node:crypto";

/**
 * A digest of a request that is the same for the same request: neither the order of its fields nor white space changes it, and a field
 * that was sent as null is one that was not sent.
 */
export function fingerprintOf(request: unknown): string {
  return digestOf(JSON.stringify(request, (_, value: unknown) => (isRecord(value) ? sorted(value) : value)));
}

/** 128 bits of SHA-256: short in Redis, and no two requests or keys of one tenant will meet. */
export const digestOf = (text: string): string => hash("sha256", text, "base64url").slice(0, 22);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const sorted = (record: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
