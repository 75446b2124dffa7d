import type { Budget, Limits } from "@darkroom/contracts";
import { z } from "zod";

/** An API key in Redis: its hash, never the key. Times are Unix milliseconds by the clock of Redis. */
export type KeyRecord = {
  keyId: string;
  tenant: string;
  name: string;
  /** The beginning of the key. */
  prefix: string;
  /** SHA-256 of the key, 64 lower-case hex digits. */
  hash: string;
  status: "active" | "disabled";
  models: readonly string[] | null;
  limits: Limits;
  budget: Budget;
  keepAlive: boolean;
  createdAtMs: number;
  /** When it expires, as the operator has set it. */
  expiresAtMs: number | null;
  /** The hash from before the latest rotation, and until when it is accepted. */
  previous: { hash: string; untilMs: number } | null;
};

/** The settings of a key. */
export type KeySettings = Pick<KeyRecord, "models" | "limits" | "budget" | "expiresAtMs"> &
  Partial<Pick<KeyRecord, "keepAlive">>;

/** Changes to a key: absent settings stay, null removes a setting. Single limits and budgets can be changed. */
export type KeyChanges = {
  name?: string | undefined;
  status?: KeyRecord["status"] | undefined;
  models?: readonly string[] | null | undefined;
  limits?: Partial<Limits> | undefined;
  budget?: Partial<Budget> | undefined;
  keepAlive?: boolean | undefined;
  expiresAtMs?: number | null | undefined;
};

/** The fields of the hash for the named changes. The value '' removes a field. */
export function encodeChanges(changes: KeyChanges): [field: string, value: string][] {
  const { status, models, limits = {}, budget = {}, keepAlive, expiresAtMs } = changes;
  const fields = {
    status,
    models: models === null ? null : models && JSON.stringify(models),
    ...Object.fromEntries(Object.entries(limits).map(([name, value]) => [`limit_${name}`, value])),
    ...Object.fromEntries(Object.entries(budget).map(([name, value]) => [`budget_${name}`, value])),
    keepAlive: keepAlive === undefined ? undefined : keepAlive ? 1 : null,
    expiresAt: expiresAtMs,
  };
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value ?? "")]]));
}

const modelsSchema = z.array(z.string());

/** Reads the hash that the scripts write. Null where there is no such key, or it was deleted. */
export function decodeKey(keyId: string, fields: Record<string, string>): KeyRecord | null {
  const { hash, tenant = "", name = "", prefix = "", models, previousHash, previousUntil } = fields;
  if (hash === undefined) return null;
  const number = (field: string) => (fields[field] === undefined ? null : Number(fields[field]));
  return {
    keyId,
    tenant,
    name,
    prefix,
    hash,
    status: fields["status"] === "active" ? "active" : "disabled",
    models: models === undefined ? null : modelsSchema.parse(JSON.parse(models)),
    limits: {
      requests_per_minute: number("limit_requests_per_minute"),
      images_per_minute: number("limit_images_per_minute"),
      concurrent_generations: number("limit_concurrent_generations"),
      queued_generations: number("limit_queued_generations"),
      held_requests: number("limit_held_requests"),
      http_requests_per_minute: number("limit_http_requests_per_minute"),
      stored_files: number("limit_stored_files"),
      stored_bytes: number("limit_stored_bytes"),
      unfinished_batch_lines: number("limit_unfinished_batch_lines"),
    },
    budget: { day: number("budget_day"), month: number("budget_month"), total: number("budget_total") },
    keepAlive: fields["keepAlive"] !== undefined,
    createdAtMs: Number(fields["createdAt"] ?? 0),
    expiresAtMs: number("expiresAt"),
    previous: previousHash === undefined ? null : { hash: previousHash, untilMs: Number(previousUntil) },
  };
}
