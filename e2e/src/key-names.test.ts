import { glob, readFile } from "node:fs/promises";
import path from "node:path";
import { keyTypes } from "@darkroom/redis";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const types = new Map<string, string>(Object.entries(keyTypes));

/** All files that a pattern finds, with their paths, from the top of the checkout. */
async function read(pattern: string): Promise<{ file: string; text: string }[]> {
  const files: string[] = [];
  for await (const file of glob(pattern, { cwd: root })) files.push(file);
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(path.join(root, file), "utf8") })));
}

/** The names that scripts make of the root, which they have as `root` or as a key, and the type where a header says it. */
async function namesInLua() {
  const scripts = await read("packages/*/src/**/*.lua");
  return scripts.flatMap(({ file, text }) =>
    [...text.matchAll(/(?:root|KEYS\[\d\]) \.\. '([a-z-]+)(?::'|')(?:[^\n]*?  (HASH|LIST|SET|STRING|ZSET)\b)?/g)].map(
      ([, kind = "", type]) => ({ file, kind, type: type?.toLowerCase() }),
    ),
  );
}

/** The kinds that factories make names of, and the type that the comment above each begins with. */
async function namesInTypeScript() {
  const factories = await read("packages/*/src/**/{key-names,redis-keys,ledger-keys,file-keys}.ts");
  return factories.flatMap(({ file, text }) =>
    [
      ...text.matchAll(
        /\/\*\* (?:Begins the names of )?(HASH|LIST|SET|STRING|ZSET)s?\b[^\n]*\n[^/]*?name\("([a-z-]+)"/g,
      ),
    ].map(([, type = "", kind = ""]) => ({ file, kind, type: type.toLowerCase() })),
  );
}

test("every name that a script makes is of a kind that TypeScript knows, and its header says the same type", async () => {
  const names = await namesInLua();
  expect(names.length).toBeGreaterThan(50);
  expect(names.filter(({ type }) => type !== undefined).length).toBeGreaterThan(15);
  expect(
    names.filter(({ kind, type }) => !types.has(kind) || (type !== undefined && type !== types.get(kind))),
  ).toEqual([]);
});

test("every kind is made by a factory or told in the header of a script, with its type", async () => {
  const told = [...(await namesInTypeScript()), ...(await namesInLua())].filter(({ type }) => type !== undefined);
  expect(told.filter(({ kind, type }) => type !== types.get(kind))).toEqual([]);
  expect(new Set(told.map(({ kind }) => kind))).toEqual(new Set(types.keys()));
});

test("no name is made without the factory", async () => {
  const sources = (await read("{packages,apps}/*/src/**/*.ts")).filter(
    ({ file }) => !/\.(test|fixture)\.ts$/.test(file) && !file.includes("packages/testing/"),
  );
  const handMade = /\$\{(?:[\w.]*\.)?(?:prefix|root|QUEUE_PREFIX)\}:?(?:[a-z-]+)[:`$]/;
  expect(sources.length).toBeGreaterThan(300);
  expect(sources.filter(({ text }) => handMade.test(text)).map(({ file }) => file)).toEqual([]);
});

test("docs/upgrading.md asks for the length of keys that exist and have one", async () => {
  const [page] = await read("docs/upgrading.md");
  const asked = [...(page?.text ?? "").matchAll(/`ZCARD darkroom:([a-z-]+)`/g)].map(([, kind = ""]) => kind);
  expect(asked.map((kind) => [kind, types.get(kind)])).toEqual([
    ["queued", "zset"],
    ["running", "zset"],
    ["batches-active", "zset"],
  ]);
});
