import { hash } from "node:crypto";
import { expect, test } from "vitest";
import { currentDictionary, dictionaries } from "./dictionary.ts";

test("no dictionary changes: what it has packed could not be read any more", () => {
  const digests = [...dictionaries].map(([number, bytes]) => [number, hash("sha256", bytes).slice(0, 16)]);
  expect(digests).toEqual([["1", "d2a65cf0451a6f2b"]]);
});

test("what is packed can be unpacked", () => {
  expect(dictionaries.has(currentDictionary)).toBe(true);
});
