import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { loadCatalogue } from "../../packages/models/src/index.ts";
import { secretNames } from "../../packages/runtime/src/index.ts";
import { configurationSections } from "./configuration-sections.ts";
import { mentionsIn } from "./mentions.ts";

const checkout = resolve(import.meta.dirname, "../..");
// Not from git: a checkout may be a copy without it.
const files = globSync("**/*.{ts,mjs,lua,yaml,yml,md,json}", { cwd: checkout, exclude: ["**/node_modules", ".*"] });
const documents = files.filter((file) => file.endsWith(".md"));
const code = files
  .filter((file) => /\.(?:ts|mjs|yml)$/.test(file) && !file.endsWith(".test.ts"))
  .map((file) => readFileSync(join(checkout, file), "utf8"));
/** Made by a person who follows a page. */
const madeLater = (path: string) =>
  path.startsWith("packages/providers/src/toy/") ||
  ["models.yaml", "cors.json", "policy.json", "lifecycle.json", "draw.mjs"].includes(path);
/** Read by other programs, or by a page's own example. */
const readElsewhere = /^(?:TOY_\w+|BASE_URL|API_KEY|TESTCONTAINERS_\w+|RYUK_\w+|HTTPS_PROXY)$/;

/** Read by a name that no code spells out. */
const secretFiles = new Set(
  configurationSections.flatMap(({ settings }) => secretNames(settings)).map((name) => `${name}_FILE`),
);

const read = (document: string) => mentionsIn(readFileSync(join(checkout, document), "utf8"));

describe.each(documents)("%s names nothing that is not there", (document) => {
  const { links, paths, scripts, variables } = read(document);

  test("nor the marks of a merge that was not finished", () => {
    const marks = /^[|> ]*(?:<{7}|(?:> ?){7}) /m;
    expect(readFileSync(join(checkout, document), "utf8")).not.toMatch(marks);
  });

  test("links", () => {
    const broken = links.filter((link) => !existsSync(join(checkout, dirname(document), link)));
    expect(broken).toEqual([]);
  });

  test("paths", () => {
    const exists = (path: string) =>
      existsSync(join(checkout, path)) || files.some((file) => file.endsWith(`/${path}`)) || madeLater(path);
    expect(paths.filter((path) => !exists(path))).toEqual([]);
  });

  test("scripts", () => {
    expect(scripts.filter((name) => !Object.hasOwn(manifest.scripts, name))).toEqual([]);
  });

  test("variables", () => {
    const isRead = (name: string) =>
      secretFiles.has(name) || code.some((text) => new RegExp(`\\b${name}\\b`).test(text));
    const named = [...new Set(variables)].filter((name) => !readElsewhere.test(name));
    expect(named.filter((name) => !isRead(name))).toEqual([]);
  });
});

test("the architecture tells of every app and every package", () => {
  const folders = ["apps", "packages"].flatMap((top) =>
    globSync(`${top}/*/package.json`, { cwd: checkout }).map(dirname),
  );
  const { paths } = read("docs/architecture.md");
  expect(folders.length).toBeGreaterThan(8);
  expect(folders.filter((folder) => !paths.includes(folder))).toEqual([]);
});

describe("a decision record", () => {
  const records = documents.filter((document) => document.startsWith("docs/decisions/"));

  test.each(records)("%s has a status, a date, a context, a decision and consequences, in this order", (record) => {
    const parts = readFileSync(join(checkout, record), "utf8").match(/^(?:# \d+\. |\*\*\w+\*\*: |## ).*$/gm) ?? [];
    expect(parts).toEqual([
      expect.stringMatching(/^# \d+\. /),
      expect.stringMatching(/^\*\*Status\*\*: /),
      expect.stringMatching(/^\*\*Date\*\*: \d{4}-\d{2}-\d{2}$/),
      "## Context",
      "## Decision",
      "## Consequences",
    ]);
  });

  test("is there", () => expect(records.length).toBeGreaterThan(20));
});

test("the documents do name things", () => {
  const all = documents.map(read);
  const count = (kind: keyof ReturnType<typeof read>) => all.reduce((sum, mentions) => sum + mentions[kind].length, 0);
  expect(documents.length).toBeGreaterThan(8);
  for (const kind of ["links", "paths", "scripts", "variables"] as const)
    expect({ [kind]: count(kind) }[kind]).toBeGreaterThan(5);
});

test("examples ask for models that are served and have no last day", () => {
  const catalogue = loadCatalogue();
  const named = [...documents, "docker-compose.yml"].flatMap((document) => {
    const text = readFileSync(join(checkout, document), "utf8");
    // What stands in `svg` is the author of an SVG, which the service itself does not serve.
    return [...text.matchAll(/(?:"model": "|(?<!svg: \{ )\bmodel: "|model="|--model )([\w.-]+)/g)].map(
      ([, model = ""]) => model,
    );
  });
  expect(named.length).toBeGreaterThan(8);
  const isSold = (name: string) => catalogue.find(name) !== undefined && catalogue.find(name)?.sunset === undefined;
  // The model of the provider that docs/adding-a-provider.md writes.
  expect([...new Set(named)].filter((name) => name !== "toy-1" && !isSold(name))).toEqual([]);
});
