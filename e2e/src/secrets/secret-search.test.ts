import { newApiKey } from "@darkroom/accounts";
import { expect, test } from "vitest";
import { createSecretSearch } from "./secret-search.ts";

const key = newApiKey();
const { find } = createSecretSearch({ "the key": key, "the words": "a secret of words, long enough" });

test.each([
  ["as it is", key],
  ["without what all keys share", key.slice(18)],
  ["in part", key.slice(20, 43)],
  ["in base64", Buffer.from(key).toString("base64")],
  ["its hidden part in hex", Buffer.from(key.slice(18)).toString("hex")],
  ["among bytes", Buffer.concat([Buffer.of(255, 0), Buffer.from(key), Buffer.of(0, 255)])],
  ["escaped in JSON", JSON.stringify({ text: JSON.stringify({ key }) })],
  ["of words", '{"x":"a secret of words, long enough"}'],
])("a secret is found %s", (_how, text) => {
  expect(find(Buffer.isBuffer(text) ? text : `before ${text} after`)).not.toEqual([]);
});

test.each([key.slice(0, 18), newApiKey(), "a secret", ""])("%j is no secret", (text) => {
  expect(find(text)).toEqual([]);
});
