import { keyNames } from "@darkroom/redis";

/** The names of what API keys have in Redis. Those of the ledger: `ledger-keys.ts`. */
export function createRedisKeys(prefix: string) {
  const name = keyNames(prefix);
  return {
    /** HASH: one API key, without the key itself. What is left of a deleted one lives 400 days. */
    key: (keyId: string) => name("key", keyId),
    /** ZSET of key ids by the number of their latest change. A deleted one is in it for a day. */
    keys: name("keys"),
    /** STRING: how many changes there have been. */
    changes: name("keys-changes"),
    /** HASH `tenant:name` → the id of the key that has the name. */
    labels: name("key-names"),
    /** ZSET of key ids by their creation: all keys, or those of a tenant. Deleted ones are not in it. */
    index: (tenant?: string) => (tenant === undefined ? name("key-index") : name("key-index", tenant)),
    /** ZSET of key ids by their deletion: those that are still among the changes. */
    deleted: name("keys-deleted"),
    /** HASH: what an account has under way and has spent. */
    account: (keyId: string) => name("account", keyId),
    /** LIST: what an account was admitted in the last minute, which its rate limits count. */
    accountWindow: (keyId: string) => name("account-window", keyId),
  };
}

export type RedisKeys = ReturnType<typeof createRedisKeys>;
