import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { temporaryFolder, testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { defineScript, readScript } from "./define-script.ts";
import { connectWorker } from "./redis-connections.ts";

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

test("the script of another package becomes a function with keys and arguments of its own", async () => {
  const redis = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => redis.disconnect());
  const main = await luaFiles({
    main: '--- @function other "./other.cjs"\nreturn { KEYS[1], other({ "k" }, { "v" }) }\n',
  });
  const script = 'exports.other = { name: "other", content: "local rcall = redis.call\\nreturn KEYS[1] .. ARGV[1]" };';
  await writeFile(new URL("other.cjs", main), script);
  const run = defineScript(main, z.tuple([z.string(), z.string()]));
  expect(await run(redis, ["key"], ["value"])).toEqual(["key", "kv"]);
});

test("a file that is missing is an error that names it", async () => {
  const main = await luaFiles({ main: '--- @include "nowhere"\nreturn 1\n' });
  expect(() => readScript(main)).toThrow(/nowhere\.lua/);
});

test("an answer that does not fit its schema is an error that names the script", async () => {
  const redis = connectWorker(testRedisUrl(), () => {});
  onTestFinished(() => redis.disconnect());
  const main = await luaFiles({ main: "return { ARGV[1], 1 }" });
  const script = defineScript(main, z.tuple([z.enum(["ok", "gone"]), z.int()]));
  expect(await script(redis, [], ["ok"])).toEqual(["ok", 1]);
  await expect(script(redis, [], ["lost"])).rejects.toThrow(
    /^The script main\.lua gave an answer that it does not give: /,
  );
});
