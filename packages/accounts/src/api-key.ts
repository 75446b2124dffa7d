import { hash, randomBytes } from "node:crypto";

/** A new key: `sk-darkroom-` and 192 random bits, more than anybody can guess. Shown once, kept only as its hash. */
export const newApiKey = (): string => `sk-darkroom-${randomBytes(24).toString("base64url")}`;

/**
 * The SHA-256 of a key, in hex: what is stored and looked up. A plain, fast hash is right here, and a slow one with salt would be
 * wrong: those protect short passwords that people choose, and a random key of 192 bits has nothing to try out.
 */
export const hashApiKey = (key: string): string => hash("sha256", key, "hex");

/** Names a key in logs and records. Twelve digits of its hash tell ten thousand keys apart and give nothing away. */
export const keyIdOf = (keyHash: string): string => `key_${keyHash.slice(0, 12)}`;
