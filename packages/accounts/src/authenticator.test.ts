import { ApiError } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { hashApiKey, newApiKey } from "./api-key.ts";
import { createAuthenticator } from "./authenticator.ts";

const key = newApiKey();
const hash = hashApiKey(key);
const authenticator = createAuthenticator([
  { tenant: "other", name: "old", hash: hashApiKey(newApiKey()) },
  { tenant: "acme", name: "ci", hash },
]);

describe("a listed key", () => {
  test.each([`Bearer ${key}`, `bearer ${key}`, `BEARER   ${key}`, ` Bearer ${key} `])("is known in %#", (header) => {
    const account = { tenant: "acme", name: "ci", keyId: `key_${hash.slice(0, 12)}` };
    expect(authenticator.authenticate(header)).toMatchObject(account);
  });
});

describe("401 invalid_api_key", () => {
  test.each([
    ["no header", undefined, "You didn't provide an API key."],
    ["an empty header", "", "You didn't provide an API key."],
    ["a key without Bearer", key, "The Authorization header is malformed."],
    ["another scheme", `Basic ${key}`, "The Authorization header is malformed."],
    ["Bearer without a key", "Bearer ", "The Authorization header is malformed."],
    ["Bearer run into the key", `Bearer${key}`, "The Authorization header is malformed."],
    ["two keys", `Bearer ${key} ${key}`, "The Authorization header is malformed."],
    ["two headers that were joined", `Bearer ${key}, Bearer ${key}`, "The Authorization header is malformed."],
    ["two keys joined by a comma", `Bearer ${key},${key}`, "The Authorization header is malformed."],
    ["a key of 257 characters", `Bearer ${"k".repeat(257)}`, "The API key is too long"],
    ["a header of a megabyte", `Bearer ${"k".repeat(2 ** 20)}`, "The API key is too long"],
    ["an unknown key of 256 characters", `Bearer ${"k".repeat(256)}`, "Incorrect API key provided."],
    ["a key with one character more", `Bearer ${key}x`, "Incorrect API key provided."],
    ["a key in other case", `Bearer ${key.toUpperCase()}`, "Incorrect API key provided."],
    ["the hash of a key", `Bearer ${hash}`, "Incorrect API key provided."],
    ["the name of an object's property", "Bearer __proto__", "Incorrect API key provided."],
  ])("%s", (_case, header, sentence) => {
    const refused = () => authenticator.authenticate(header);
    expect(refused).toThrow(ApiError);
    expect(refused).toThrow(expect.objectContaining({ code: "invalid_api_key", status: 401, param: null }));
    expect(refused).toThrow(sentence);
  });

  test("never shows the key", () => {
    const unknown = newApiKey();
    for (const header of [`Bearer ${unknown}`, unknown, `Bearer ${unknown} x`, `Bearer ${unknown.repeat(9)}`]) {
      expect(() => authenticator.authenticate(header)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining(unknown.slice(12)) }),
      );
    }
  });
});
