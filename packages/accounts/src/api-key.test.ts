import { expect, test } from "vitest";
import { hashApiKey, keyIdOf, newApiKey } from "./api-key.ts";

test("a new key says whose it is and holds 192 random bits", () => {
  expect(newApiKey()).toMatch(/^sk-darkroom-[A-Za-z0-9_-]{32}$/);
  expect(new Set(Array.from({ length: 1000 }, newApiKey)).size).toBe(1000);
});

test("a hash is what sha256sum prints", () => {
  expect(hashApiKey("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("a key id is stable and shows no more than the beginning of the hash", () => {
  expect(keyIdOf(hashApiKey("abc"))).toBe("key_ba7816bf8f01");
});
