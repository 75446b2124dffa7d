import { keyNames } from "@darkroom/redis";

/** The Redis keys of API keys and their accounts. `ledger-keys.ts` has those of the ledger. */
export function createRedisKeys(prefix: string) {
  const name = keyNames(prefix);
  return {
    /** HASH: one API key, without its secret. What is left of a deleted key expires after 400 days. */
    key: (keyId: string) => name("key", keyId),
    /** ZSET of key ids by the number of their latest change. A deleted key stays in it for a day. */
    keys: name("keys"),
    /** STRING: the number of changes so far. */
    changes: name("keys-changes"),
    /** HASH `tenant:name` → the id of the key that has the name. */
    labels: name("key-names"),
    /** ZSET of key ids by their creation: all keys, or those of a tenant, without deleted ones. */
    index: (tenant?: string) => (tenant === undefined ? name("key-index") : name("key-index", tenant)),
    /** ZSET of deleted key ids by their deletion, as long as they are among the changes. */
    deleted: name("keys-deleted"),
    /** HASH: what an account has active and has spent. */
    account: (keyId: string) => name("account", keyId),
    /** LIST: the admissions of an account in the last minute, which its rate limits count. */
    accountWindow: (keyId: string) => name("account-window", keyId),
    /** LIST: the requests of any kind of an account in the last minute, and the bytes of bodies that were refused. */
    accountRequests: (keyId: string) => name("account-requests", keyId),
    /** HASH: the files, bytes and unfinished batch lines of a tenant. */
    tenantUse: (tenant: string) => name("tenant-use", tenant),
    /** ZSET of tenants by when what they hold is to be counted again. */
    tenantUseDue: name("tenant-use-due"),
  };
}

export type RedisKeys = ReturnType<typeof createRedisKeys>;
