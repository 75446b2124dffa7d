import { redisTime } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { createFindAccount } from "./keys/find-account.ts";
import { createKeyring, type KeyringOptions } from "./keys/keyring.ts";
import { createKeyStore } from "./keys/key-store.ts";
import { createRedisKeys } from "./redis-keys.ts";

export type AccountsOptions = {
  redis: Redis;
  /** Begins every key in Redis. */
  prefix: string;
};

/**
 * The API keys of an installation, on a connection that is open. A process that authenticates callers opens the keyring; other
 * processes find an account by the id of its key.
 */
export function createAccounts({ redis, prefix }: AccountsOptions) {
  const names = createRedisKeys(prefix);
  const keyStore = createKeyStore(redis, names);
  return {
    names,
    keyStore,
    findAccount: createFindAccount(keyStore, () => redisTime(redis)),
    openKeyring: (own: Omit<KeyringOptions, "redis" | "names">) => createKeyring({ redis, names, ...own }),
  };
}

export type Accounts = ReturnType<typeof createAccounts>;
