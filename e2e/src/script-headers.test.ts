import { glob, readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { readScript } from "@darkroom/redis";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");

/** The Lua files of all packages: their text, the comment at their top, and what follows it. */
async function readScripts() {
  const scripts = [];
  for await (const file of glob("packages/*/src/**/*.lua", { cwd: root })) {
    const text = await readFile(path.join(root, file), "utf8");
    const [, header = "", body = ""] = /^(?:--- [^\n]*\n)*((?:--(?!-)[^\n]*\n)*)(.*)$/s.exec(text) ?? [];
    scripts.push({ file, text, header, body, name: path.basename(file, ".lua") });
  }
  const includes = scripts.flatMap(({ text }) => [...text.matchAll(/^--- @include "(?:.*\/)?([^"/]+)"$/gm)]);
  const included = new Set(includes.map(([, name]) => name));
  return scripts.map((script) => Object.assign(script, { isIncluded: included.has(script.name) }));
}

/** Whether a comment tells of `KEYS[3]`, by itself or in a range: `KEYS[1…7]`, `KEYS[2…]`. */
function tells(comment: string, kind: string, index: number): boolean {
  return [...comment.matchAll(new RegExp(String.raw`${kind}\[(\d+)(…(\d*))?\]`, "g"))].some(([, from, range, to]) =>
    range === undefined ? Number(from) === index : Number(from) <= index && index <= Number(to || Infinity),
  );
}

test("every Lua file says at its top what it does, and strings stand in single quotes", async () => {
  const scripts = await readScripts();
  expect(scripts.length).toBeGreaterThan(50);
  expect(scripts.filter(({ header }) => !header.startsWith("-- ")).map(({ file }) => file)).toEqual([]);
  const isDoubleQuoted = ({ body }: { body: string }) => body.replaceAll(/--[^\n]*|'[^'\n]*'/g, "").includes('"');
  expect(scripts.filter(isDoubleQuoted).map(({ file }) => file)).toEqual([]);
});

test("every script tells its keys and arguments, each on lines of their own, and then what it answers", async () => {
  const scripts = (await readScripts()).filter(({ isIncluded }) => !isIncluded);
  const faults: string[] = [];
  for (const { file, header, body } of scripts) {
    // Included files tell of the keys and arguments that they use.
    const told = readScript(pathToFileURL(path.join(root, file))).replaceAll(/^(?!--).*\n/gm, "");
    for (const [whole, kind = "", index] of body.matchAll(/(KEYS|ARGV)\[(\d+)\]/g))
      if (!tells(told, kind, Number(index))) faults.push(`${file}: ${whole}`);
    if (!/^-- Answers /m.test(header)) faults.push(`${file}: what it answers`);
    if (/^-- (?! ).*(KEYS|ARGV)\[\d/m.test(header.split(/^-- Answers /m)[0] ?? "")) faults.push(`${file}: its form`);
  }
  expect(scripts.length).toBeGreaterThan(30);
  expect(faults).toEqual([]);
});
