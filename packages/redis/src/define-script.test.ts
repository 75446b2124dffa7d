import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { temporaryFolder } from "@darkroom/testing";
import { expect, test } from "vitest";
import { readScript } from "./define-script.ts";

/** Writes Lua files by their names, and returns the address of the one that is called `main`. */
async function luaFiles(files: Record<string, string>): Promise<URL> {
  const folder = await temporaryFolder();
  for (const [name, lua] of Object.entries(files)) await writeFile(join(folder, `${name}.lua`), lua);
  return pathToFileURL(join(folder, "main.lua"));
}

test("what a file includes stands before it, once, however often it is included", async () => {
  const main = await luaFiles({
    main: '--- @include "left"\n--- @include "right"\nreturn left() + right()\n',
    left: '--- @include "base"\nlocal function left() return base end\n',
    right: '--- @include "base"\nlocal function right() return base end\n',
    base: "local base = 1\n",
  });
  expect(readScript(main)).toBe(
    "local base = 1\nlocal function left() return base end\nlocal function right() return base end\nreturn left() + right()\n",
  );
});

test("files that include each other are read once each", async () => {
  const main = await luaFiles({
    main: '--- @include "other"\nreturn 1\n',
    other: '--- @include "main"\nlocal other = 1\n',
  });
  expect(readScript(main)).toBe("local other = 1\nreturn 1\n");
});

test("a file that is missing is an error that names it", async () => {
  const main = await luaFiles({ main: '--- @include "nowhere"\nreturn 1\n' });
  expect(() => readScript(main)).toThrow(/nowhere\.lua/);
});
