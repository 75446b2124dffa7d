import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { hashApiKey, newApiKey } from "./api-key.ts";
import { KeyListError, parseKeyList } from "./key-list.ts";
import { loadKeys } from "./load-keys.ts";

const one = hashApiKey("one");
const two = hashApiKey("two");
const parse = (text: string) => parseKeyList({ source: "API_KEYS", text });

const mistakesIn = (read: () => unknown): readonly string[] => {
  try {
    read();
  } catch (error) {
    if (error instanceof KeyListError) return error.mistakes;
    throw error;
  }
  throw new Error("the list was accepted");
};

describe("a key list", () => {
  test("is read from one line with commas", () => {
    expect(parse(`acme:ci:${one}, beta:laptop:${two},`)).toEqual([
      { tenant: "acme", name: "ci", hash: one },
      { tenant: "beta", name: "laptop", hash: two },
    ]);
  });

  test("is read from lines with comments, and with Windows line ends", () => {
    const text = `# our keys\r\nacme:ci:${one} # the build\r\n\r\nacme:laptop:${two}\r\n`;
    expect(parse(text).map(({ name }) => name)).toEqual(["ci", "laptop"]);
  });

  test("is read from the variable and the file together", () => {
    const folder = mkdtempSync(join(tmpdir(), "darkroom-keys-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, "keys");
    writeFileSync(file, `acme:ci:${one}\n`);
    expect(loadKeys({ list: `beta:ci:${two}`, file }).map(({ tenant }) => tenant)).toEqual(["beta", "acme"]);
    expect(mistakesIn(() => loadKeys({ list: `beta:ci:${one}`, file }))).toEqual([
      `${file} line 1, entry 1: the same key as in API_KEYS line 1, entry 1`,
    ]);
  });
});

describe("a key list is refused", () => {
  test.each(["", "  \n# nothing yet\n", ","])("when it is empty (%j), with how to make a key", (list) => {
    expect(mistakesIn(() => loadKeys({ list }))[0]).toContain("openssl rand");
    expect(loadKeys({ list, required: false })).toEqual([]);
  });

  test("cannot have the admin key in it, which would be refused on every route of a caller", () => {
    const list = `acme:ci:${one},beta:laptop:${two}`;
    expect(mistakesIn(() => loadKeys({ list, adminKeyHash: two }))).toEqual([
      "beta:laptop is also the admin key of ADMIN_KEY_SHA256, which draws no images: make another key for one of the two",
    ]);
    expect(loadKeys({ list, adminKeyHash: hashApiKey("three") })).toHaveLength(2);
  });

  test("when nothing is configured at all", () => {
    expect(mistakesIn(() => loadKeys({}))[0]).toContain("openssl rand");
  });

  test("when its file cannot be read", () => {
    expect(mistakesIn(() => loadKeys({ file: "/no/such/file" }))[0]).toContain("/no/such/file cannot be read");
  });

  test("with every mistake by its place", () => {
    const text = `acme:ci:${one}\nacme:ci:${two}, b:x:${one}\nonly:two\na:b:c:d\n-:x:${two}\nx:a b:${two}`;
    expect(mistakesIn(() => parse(text))).toEqual([
      "API_KEYS line 2, entry 1: the same tenant and name as in API_KEYS line 1, entry 1",
      "API_KEYS line 2, entry 2: the same key as in API_KEYS line 1, entry 1",
      "API_KEYS line 3, entry 1: expected tenant:name:hash, three parts with a colon between",
      "API_KEYS line 4, entry 1: expected tenant:name:hash, three parts with a colon between",
      "API_KEYS line 5, entry 1: expected a tenant of letters, digits and . _ - within, at most 64 characters",
      "API_KEYS line 6, entry 1: expected a name of letters, digits and . _ - within, at most 64 characters",
    ]);
  });

  test("without repeating a key that was put there in place of its hash", () => {
    const key = newApiKey();
    for (const text of [`acme:ci:${key}`, key, `acme:${key}:x`, `${key}:ci`]) {
      expect(mistakesIn(() => parse(text)).join("\n")).not.toContain(key.slice(0, 20));
    }
  });
});
