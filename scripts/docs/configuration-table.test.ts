import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { secretNames } from "../../packages/runtime/src/index.ts";
import { configurationSections } from "./configuration-sections.ts";
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

test("the row of a secret names the variable for its file", () => {
  const rows = configurationTables(configurationSections).split("\n");
  expect(rows.filter((row) => row.startsWith("| `ARK_API_KEY`"))).toEqual([
    expect.stringContaining("account. Or in a file: `ARK_API_KEY_FILE`."),
  ]);
  expect(rows.find((row) => row.startsWith("| `ARK_BASE_URL`"))).not.toContain("_FILE");
});

test("every setting that is named like a secret may be in a file", () => {
  const named = configurationSections.flatMap(({ settings }) =>
    Object.keys(settings.shape).filter((name) =>
      /(?:^|_)(?:KEY|KEY_ID|KEY_SHA256|SECRET|PASSWORD|TOKEN|REDIS_URL|HEADERS)$/.test(name.replace(/_PER_KEY$/, "")),
    ),
  );
  const secrets = new Set(configurationSections.flatMap(({ settings }) => secretNames(settings)));
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !secrets.has(name))).toEqual([]);
});
