import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { configurationTables } from "./configuration-table.ts";

/** A field of a schema that becomes this where it is not set. */
const field = (unset: () => unknown, success = true) => ({
  description: "It does.",
  safeParse: () => ({ success, data: unset() }),
});

test.each([
  ["a list that is empty", field(() => []), ""],
  ["a list with members", field(() => ["a", "b"]), '`["a","b"]`'],
  ["a text", field(() => "info"), "`info`"],
  ["a number", field(() => 5), "`5`"],
  ["a value that is random each time", field(randomUUID), "random"],
  ["none", field(() => undefined), ""],
  ["none, where there must be one", field(() => undefined, false), "required"],
])("the default of %s", (_, NAME, shown) => {
  const table = configurationTables([{ title: "T", settings: { shape: { NAME } } }]);
  const cells = table.split("\n").at(-1)?.split("|");
  expect(cells?.map((cell) => cell.trim())).toEqual(["", "`NAME`", shown, "It does.", ""]);
});
