import { defineScript, readPage } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { z } from "zod";
import { hashApiKey, newApiKey, newKeyId, prefixOf } from "../api-key.ts";
import { readAccountUsage } from "../account-usage.ts";
import { keptSeconds } from "../ledger/ledger-keys.ts";
import { createRateLimitReader } from "../rate-limit-use.ts";
import { createRequestCounter } from "../request-counter.ts";
import type { RedisKeys } from "../redis-keys.ts";
import { readTenantUse } from "../tenant-use.ts";
import { decodeKey, encodeChanges, type KeyChanges, type KeyRecord, type KeySettings } from "./key-record.ts";
import { readKeys } from "./read-keys.ts";
import { webhookSecretVersions } from "./webhook-secret-versions.ts";

/** A script that answers with one of these words. */
const script = <const Word extends string>(name: string, ...words: Word[]) =>
  defineScript(new URL(`scripts/${name}.lua`, import.meta.url), z.enum(words));

const create = script("create-key", "created", "taken");
const update = script("update-key", "updated", "gone", "taken");
const rotate = script("rotate-key", "rotated", "gone");
const rotateWebhookSecret = script("rotate-webhook-secret", "rotated", "gone");
const remove = script("delete-key", "deleted", "gone");

/** An api process polls every second. */
const deletionToldMs = 86_400_000;

/** A key that was just created or rotated. `key` is the secret itself. It is not stored, so it cannot be shown again. */
export type IssuedKey = { key: string; record: KeyRecord };

/**
 * The API keys in Redis. Every change is one script, which also tells the api processes. A repeated call after a lost answer changes
 * nothing. Rejects when Redis is away.
 */
export function createKeyStore(redis: Redis, names: RedisKeys) {
  const changed = (keyId: string) => [names.key(keyId), names.keys, names.changes, names.labels];
  const listed = (keyId: string, tenant: string) => [...changed(keyId), names.index(), names.index(tenant)];

  async function read(keyId: string): Promise<KeyRecord | null> {
    const [record = null] = await readKeys(redis, names, [keyId]);
    return record;
  }

  async function issued(keyId: string, key: string): Promise<IssuedKey> {
    const record = await read(keyId);
    if (record === null) throw new Error(`The key ${keyId} was deleted while it was made`);
    return { key, record };
  }

  return {
    read,

    /** Creates a key. `taken`: the tenant has a key of that name. */
    async create({ tenant, name, ...settings }: { tenant: string; name: string } & KeySettings) {
      const keyId = newKeyId();
      const key = newApiKey();
      const fields = encodeChanges(settings).filter(([, value]) => value !== "");
      const given = [keyId, tenant, name, "hash", hashApiKey(key), "prefix", prefixOf(key), ...fields.flat()];
      const answer = await create(redis, listed(keyId, tenant), given);
      return answer === "taken" ? answer : issued(keyId, key);
    },

    /** Changes only the named settings. `gone`: there is no such key. `taken`: the tenant has another key of the new name. */
    async update(keyId: string, changes: KeyChanges): Promise<KeyRecord | "gone" | "taken"> {
      const answer = await update(redis, changed(keyId), [keyId, changes.name ?? "", ...encodeChanges(changes).flat()]);
      return answer === "updated" ? ((await read(keyId)) ?? "gone") : answer;
    },

    /** Gives the key a new secret. The old secret is accepted for `graceMs` more; 0: it ends at once. `gone`: there is no such key. */
    async rotate(keyId: string, graceMs: number): Promise<IssuedKey | "gone"> {
      const key = newApiKey();
      const answer = await rotate(redis, changed(keyId), [keyId, hashApiKey(key), prefixOf(key), graceMs]);
      return answer === "gone" ? answer : issued(keyId, key);
    },

    /** Gives the key's webhooks the next secret. The old secret also signs for `graceMs` more. False: there is no such key. */
    async rotateWebhookSecret(keyId: string, graceMs: number): Promise<boolean> {
      const version = Number((await redis.hget(names.key(keyId), "webhookSecretVersion")) ?? 1);
      return (await rotateWebhookSecret(redis, changed(keyId), [keyId, version + 1, graceMs])) === "rotated";
    },

    /** Deletes the key. True also for a key that was deleted before; false where there was no such key. */
    async remove(keyId: string): Promise<boolean> {
      const tenant = (await redis.hget(names.key(keyId), "tenant")) ?? "";
      const where = [...listed(keyId, tenant), names.deleted, names.account(keyId)];
      return (await remove(redis, where, [keyId, keptSeconds, deletionToldMs])) === "deleted";
    },

    /** The tenant and the name of a key, also for 400 days after its deletion. Null for any other id. */
    async nameOf(keyId: string): Promise<{ tenant: string; name: string } | null> {
      const [tenant, name] = await redis.hmget(names.key(keyId), "tenant", "name");
      return typeof tenant === "string" && typeof name === "string" ? { tenant, name } : null;
    },

    /** What the account of a key has active and has spent. */
    readUsage: (keyId: string) => readAccountUsage(redis, names, keyId),

    /** The files, bytes and unfinished batch lines of a tenant. */
    readTenantUse: (tenant: string) => readTenantUse(redis, names, tenant),

    /** What a key has used of its rate limits, for answers that did not come from an admission. */
    readRateLimitUse: createRateLimitReader(redis, names),

    /** Counts the requests of any kind of each key. An api process has one, and closes it. */
    requests: createRequestCounter({ redis, names }),

    /** Which versions of a key's webhook secret sign now, the current one first. */
    webhookSecretVersions: (keyId: string) => webhookSecretVersions(redis, names, keyId),

    /** Keys, newest first. Null when `after` is not, and was not, the id of one of them. */
    list: async ({
      tenant,
      after,
      limit,
    }: {
      tenant?: string | undefined;
      after?: string | undefined;
      limit: number;
    }) =>
      readPage({
        redis,
        index: names.index(tenant),
        towards: "oldest",
        from: after,
        formerScore: async (id) => {
          const [owner, createdAtMs] = await redis.hmget(names.key(id), "tenant", "createdAt");
          return createdAtMs && (tenant === undefined || owner === tenant) ? Number(createdAtMs) : null;
        },
        limit,
        recordKey: names.key,
        decode: (fields, id) => decodeKey(id, fields),
      }),
  };
}

export type KeyStore = ReturnType<typeof createKeyStore>;
