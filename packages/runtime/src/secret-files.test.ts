import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { readSettings } from "./read-settings.ts";
import { secretNames, secretSetting } from "./secret-files.ts";

const schema = z.object({
  PORT: z.coerce.number("must be a number").default(4_000),
  SECRET: secretSetting(z.string().min(4, "must have at least 4 characters").describe("A secret.")),
  OPTIONAL_KEY: secretSetting(z.string().optional().describe("A key.")),
  KEYS: z.string().optional(),
  KEYS_FILE: z.string().optional(),
});

/** A folder of the test's own. */
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "secret-files-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function fileWith(text: string): string {
  const path = join(folder(), "secret");
  writeFileSync(path, text);
  return path;
}

test("a secret is read from the file that NAME_FILE names", () => {
  expect(readSettings(schema, { SECRET_FILE: fileWith("long enough") })).toEqual({
    PORT: 4_000,
    SECRET: "long enough",
  });
});

test.each([
  ["long\n", "long"],
  ["long\r\n", "long"],
  ["long\n\n", "long\n"],
  [" long ", " long "],
  ["two\nlines\n", "two\nlines"],
])("of a file with %j the secret is %j", (text, secret) => {
  expect(readSettings(schema, { SECRET_FILE: fileWith(text) }).SECRET).toBe(secret);
});

test("an empty variable beside the file counts as not set, and so does an empty NAME_FILE", () => {
  expect(readSettings(schema, { SECRET: "", SECRET_FILE: fileWith("long") }).SECRET).toBe("long");
  expect(readSettings(schema, { SECRET: "long", SECRET_FILE: "" }).SECRET).toBe("long");
});

test("a secret that is set twice is refused, even with the same value", () => {
  expect(() => readSettings(schema, { SECRET: "long", SECRET_FILE: fileWith("long") })).toThrow(
    /^The configuration cannot be used:\n {2}SECRET: is set, and so is SECRET_FILE; set one of them$/,
  );
});

test("a file that cannot be used is named by its variable, and neither its path nor its content is shown", () => {
  const missing = join(folder(), "sk-put-here-by-mistake");
  const reading = (environment: Record<string, string>) => () => readSettings(schema, environment);
  expect(reading({ SECRET_FILE: missing })).toThrow(
    /^The configuration cannot be used:\n {2}SECRET_FILE: names a file that cannot be read \(ENOENT\)$/,
  );
  expect(reading({ SECRET_FILE: folder() })).toThrow("SECRET_FILE: names a file that cannot be read (EISDIR)");
  expect(reading({ SECRET_FILE: fileWith("\n") })).toThrow("SECRET_FILE: names an empty file");
  expect(reading({ SECRET_FILE: fileWith("pw\n") })).toThrow("  SECRET: must have at least 4 characters");
  expect(reading({ SECRET_FILE: fileWith("pw\n") })).not.toThrow("pw");
});

test.skipIf(process.getuid?.() === 0)("a file of another user is named, too", () => {
  const path = fileWith("long");
  chmodSync(path, 0o000);
  expect(() => readSettings(schema, { SECRET_FILE: path })).toThrow("cannot be read (EACCES)");
});

test("all that is wrong is named at once", () => {
  expect(() => readSettings(schema, { SECRET_FILE: "/", OPTIONAL_KEY_FILE: "/nowhere", PORT: "many" })).toThrow(
    "SECRET_FILE: names a file that cannot be read (EISDIR)\n" +
      "  OPTIONAL_KEY_FILE: names a file that cannot be read (ENOENT)\n" +
      "  PORT: must be a number",
  );
});

test("a setting that is no secret is not read from a file", () => {
  const read = readSettings(schema, { SECRET: "long", PORT_FILE: "/nowhere", KEYS: "a", KEYS_FILE: "/nowhere" });
  expect(read).toMatchObject({ PORT: 4_000, KEYS: "a", KEYS_FILE: "/nowhere" });
});

test("the mark survives a description, and is lost by a wrapper that is put around it", () => {
  expect(secretNames(schema)).toEqual(["SECRET", "OPTIONAL_KEY"]);
  expect(secretNames(z.object({ A: secretSetting(z.string()).describe("A.") }))).toEqual(["A"]);
  expect(secretNames(z.object({ A: secretSetting(z.string()).optional() }))).toEqual([]);
});
