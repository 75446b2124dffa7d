import { hash, randomBytes } from "node:crypto";

/** A new key: `sk-darkroom-` and 192 random bits. It is shown once, and only its hash is stored. */
export const newApiKey = (): string => `sk-darkroom-${randomBytes(24).toString("base64url")}`;

/**
 * The SHA-256 of a key, in hex: keys are stored and found by it. A plain, fast hash is enough: slow hashes with salt protect short
 * passwords that people choose, and nobody can try out random keys of 192 bits.
 */
export const hashApiKey = (key: string): string => hash("sha256", key, "hex");

/** The part of a key that is shown and stored: `sk-darkroom-` and 36 of its bits, so that a person recognises it. */
export const prefixOf = (key: string): string => key.slice(0, 18);

/** A new id for a key in Redis. It is independent of the secret, so it stays the same when the key is rotated. */
export const newKeyId = (): string => `key_${randomBytes(12).toString("hex")}`;

/** The id of a key of `API_KEYS` in logs and records. Twelve digits of its hash tell ten thousand keys apart and reveal nothing. */
export const keyIdOf = (keyHash: string): string => `key_${keyHash.slice(0, 12)}`;
