import { hash, randomBytes } from "node:crypto";

/** A new key: `sk-darkroom-` and 192 random bits, more than anybody can guess. Shown once, kept only as its hash. */
export const newApiKey = (): string => `sk-darkroom-${randomBytes(24).toString("base64url")}`;

/**
 * The SHA-256 of a key, in hex: what is stored and looked up. A plain, fast hash is right here, and a slow one with salt would be
 * wrong: those protect short passwords that people choose, and a random key of 192 bits has nothing to try out.
 */
export const hashApiKey = (key: string): string => hash("sha256", key, "hex");

/** As much of a key as is shown and stored: `sk-darkroom-` and 36 of its bits, by which a person recognises it. */
export const prefixOf = (key: string): string => key.slice(0, 18);

/** Names a key that is kept in Redis. It says nothing of the key, so that it stays when the key is rotated. */
export const newKeyId = (): string => `key_${randomBytes(12).toString("hex")}`;

/** Names a key of `API_KEYS` in logs and records. Twelve digits of its hash tell ten thousand keys apart and give nothing away. */
export const keyIdOf = (keyHash: string): string => `key_${keyHash.slice(0, 12)}`;
