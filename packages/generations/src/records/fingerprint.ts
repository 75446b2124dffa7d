import { hash } from "node:crypto";

/**
 * A digest that is equal for equal requests: the order of fields and white space do not matter, and a null field counts as absent.
 */
export function fingerprintOf(request: unknown): string {
  return digestOf(JSON.stringify(request, (_, value: unknown) => (isRecord(value) ? sorted(value) : value)));
}

/** 128 bits of SHA-256: short in Redis, and long enough that two requests or keys of one tenant do not collide. */
export const digestOf = (text: string): string => hash("sha256", text, "base64url").slice(0, 22);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const sorted = (record: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
