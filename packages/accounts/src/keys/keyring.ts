import { randomBytes, timingSafeEqual } from "node:crypto";
import { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { Redis } from "ioredis";
import type { Account } from "../account.ts";
import { hashApiKey } from "../api-key.ts";
import { readBearerKey } from "../bearer-key.ts";
import type { StoredKey } from "../key-list.ts";
import type { RedisKeys } from "../redis-keys.ts";
import { followKeys, createRedisClock } from "./follow-keys.ts";
import { createKnownKeys } from "./known-keys.ts";

export type KeyringOptions = {
  redis: Redis;
  names: RedisKeys;
  /** The keys of `API_KEYS`. No change in Redis affects them. */
  staticKeys: readonly StoredKey[];
  /** SHA-256 of the admin key in hex; undefined: there is no admin. */
  adminKeyHash?: string | undefined;
  log: Pick<Logger, "info" | "warn">;
  /** How often it polls for changes, in milliseconds. */
  everyMs?: number;
  /** Milliseconds since any moment, by a monotonic clock. It advances the time that Redis answered last. */
  elapsedMs?: () => number;
};

export type Keyring = {
  /**
   * Takes the `Authorization` header as it came, and sends no command to Redis. Throws `ApiError`: `invalid_api_key`, in the same words for a
   * key that is unknown, disabled, expired or deleted, and `permission_denied` for the admin key. No message contains the key.
   */
  authenticate(authorizationHeader: string | undefined): Account;
  /** Whether the header holds the admin key. */
  isAdmin(authorizationHeader: string | undefined): boolean;
  /** Whether there is an admin key at all. */
  readonly hasAdminKey: boolean;
  /** The account of a key in force: it is neither disabled, expired nor deleted. */
  find(keyId: string): Account | undefined;
  /** The time by which keys expire, in Unix milliseconds. It is the time of Redis, which all processes share. */
  nowMs(): number;
  /** Polls for changes now. Never rejects: while Redis is away, the known keys stay. */
  refresh(): Promise<void>;
  close(): Promise<void>;
};

/** Holds every API key in memory and follows their changes. Resolves when all are known; rejects when Redis does not answer. */
export async function createKeyring(options: KeyringOptions): Promise<Keyring> {
  const { redis, names, staticKeys, adminKeyHash, log, everyMs = 1_000 } = options;
  const known = createKnownKeys(staticKeys);
  const clock = createRedisClock(options.elapsedMs ?? (() => performance.now()));
  const feed = await followKeys({ redis, names, known, clock, log, everyMs });
  /** Equal to no digest. An unknown key is compared with it, so that it takes as long as a known one. */
  const decoy = randomBytes(32);
  const adminDigest = adminKeyHash === undefined ? decoy : Buffer.from(adminKeyHash, "hex");
  /** The digest of the current key. The buffer is reused, because a new one costs more than the hash. */
  const digest = Buffer.alloc(32);

  return {
    authenticate(header) {
      const hash = hashApiKey(readBearerKey(header));
      digest.write(hash, "hex");
      const found = known.withHash(hash);
      const matches = timingSafeEqual(digest, found?.digest ?? decoy);
      const isAdmin = timingSafeEqual(digest, adminDigest);
      if (isAdmin) throw adminKeyRefused;
      if (found === undefined || !matches || clock.nowMs() >= found.untilMs) throw unknownKey;
      return found.account;
    },

    isAdmin(header) {
      digest.write(hashApiKey(readBearerKey(header)), "hex");
      return timingSafeEqual(digest, adminDigest);
    },
    hasAdminKey: adminKeyHash !== undefined,
    find: (keyId) => {
      const found = known.withId(keyId);
      return found !== undefined && clock.nowMs() < found.untilMs ? found.account : undefined;
    },
    nowMs: () => clock.nowMs(),
    refresh: () => feed.refresh(),
    close: () => feed.close(),
  };
}

// Created once: to capture an unused stack trace costs more than the rest of a refusal.
const unknownKey = new ApiError(
  "invalid_api_key",
  "Incorrect API key provided. Check it, or ask the operator of this service for a new one.",
);

const adminKeyRefused = new ApiError(
  "permission_denied",
  "The admin key may not use this route. Use an API key: POST /admin/keys makes one.",
);
