import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { webhookSecret } from "./webhook-secret.ts";

const master = "0123456789abcdef0123456789abcdef";

test("is 32 bytes that a receiver can derive no other key's from, the same each time", () => {
  const secret = webhookSecret(master, "key_1");
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(Buffer.from(secret.slice(6), "base64")).toEqual(
    createHmac("sha256", master).update("darkroom webhook secret v1:key_1").digest(),
  );
  expect(webhookSecret(master, "key_1")).toBe(secret);
  expect(webhookSecret(master, "key_2")).not.toBe(secret);
  expect(webhookSecret(`${master}x`, "key_1")).not.toBe(secret);
});

test("is another for each version, and the first where none is said", () => {
  expect(webhookSecret(master, "key_1", 1)).toBe(webhookSecret(master, "key_1"));
  expect(webhookSecret(master, "key_1", 2)).not.toBe(webhookSecret(master, "key_1"));
});

test("a short master is refused", () => {
  expect(() => webhookSecret("short", "key_1")).toThrow("at least 32 characters");
});
