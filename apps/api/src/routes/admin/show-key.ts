import type { KeyRecord } from "@darkroom/accounts";
import { type ApiKey, ApiError } from "@darkroom/contracts";

const seconds = (atMs: number) => Math.floor(atMs / 1_000);

/** Shows a key to the admin, without its secret. `nowMs` is the time of the keyring, by which keys expire. */
export function showKey(record: KeyRecord, nowMs: number): ApiKey {
  const { keyId, tenant, name, prefix, status, models, limits, budget, createdAtMs, expiresAtMs, previous } = record;
  const expired = expiresAtMs !== null && expiresAtMs <= nowMs;
  return {
    id: keyId,
    object: "api_key",
    tenant,
    name,
    prefix,
    status: status === "active" && expired ? "expired" : status,
    models: models === null ? null : [...models],
    limits,
    budget,
    keep_alive: record.keepAlive,
    created_at: seconds(createdAtMs),
    expires_at: expiresAtMs === null ? null : seconds(expiresAtMs),
    previous_key_expires_at: previous === null || previous.untilMs <= nowMs ? null : seconds(previous.untilMs),
  };
}

/** What is said of an id that has no key. */
export const noSuchKey = () =>
  new ApiError("not_found", "There is no key with this id. Change keys of API_KEYS in the configuration.");

/** What is said where a tenant would have two keys of one name. */
export const nameTaken = (name: string) =>
  new ApiError("conflict", `The tenant already has a key named '${name}'.`, { param: "name" });
