import type { ApiKey } from "@darkroom/contracts";
import { formatDollars } from "./dollars.ts";
import { facts } from "./table.ts";
import { formatMoment } from "./moments.ts";

/** All that a person wants to know of a key, a line each. */
export function keyFacts(key: ApiKey): string {
  const { limits, budget } = key;
  return facts([
    ["id", key.id],
    ["tenant", key.tenant],
    ["name", key.name],
    ["begins with", key.prefix],
    ["status", key.status],
    ["models", key.models?.join(", ") ?? "all"],
    ["requests per minute", count(limits.requests_per_minute)],
    ["images per minute", count(limits.images_per_minute)],
    ["concurrent", count(limits.concurrent_generations)],
    ["queued", count(limits.queued_generations)],
    ["held requests", orConfigured(limits.held_requests)],
    ["HTTP requests per minute", orConfigured(limits.http_requests_per_minute)],
    ["stored files", orConfigured(limits.stored_files)],
    ["stored bytes", orConfigured(limits.stored_bytes)],
    ["unfinished batch lines", orConfigured(limits.unfinished_batch_lines)],
    ["budget a day", dollars(budget.day)],
    ["budget a month", dollars(budget.month)],
    ["budget in all", dollars(budget.total)],
    ["keep alive", key.keep_alive ? "yes" : "no"],
    ["created", formatMoment(key.created_at)],
    ["expires", key.expires_at === null ? "never" : formatMoment(key.expires_at)],
    ...(key.previous_key_expires_at === null
      ? []
      : [["the old key works until", formatMoment(key.previous_key_expires_at)] as const]),
  ]);
}

const count = (limit: number | null) => (limit === null ? "no limit" : String(limit));
/** Of a limit for which the installation has a default. */
const orConfigured = (limit: number | null) => (limit === null ? "as configured" : String(limit));
const dollars = (micros: number | null) => (micros === null ? "no limit" : formatDollars(micros));
