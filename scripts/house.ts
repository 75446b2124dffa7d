// `pnpm house`: the shape of the code in numbers. How many production files there are and how long they are, which package imports
// which, whether imports run in a circle, and how many files you open to follow one synchronous request.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Where a synchronous request is followed from: the handler of `POST /v1/images/generations`, and the way of answering that it chooses
 * for a caller who waits for the images.
 */
const requestEntries = [
  "apps/api/src/routes/generations/create-image.ts",
  "apps/api/src/wait-modes/answer-when-ended.ts",
];

/** Files under so many lines are crumbs: parts of the file that uses them. A package's `index.ts` is counted, too. */
const crumbLines = 15;

type Import = { from: string; values: string[]; types: string[] };
type SourceFile = { text: string; lines: number; imports: Import[] };

const statement =
  /^(?:import|export)\s+(type\s+)?(?:(\{[^}]*\})|\*(?:\s+as\s+\w+)?|([\w$]+)(?:\s*,\s*\{[^}]*\})?)?\s*(?:from\s+)?"([^"]+)"/gm;

function readImports(text: string): Import[] {
  return [...text.matchAll(statement)].map(([, type, braces = "{}", , from = ""]) => {
    const listed = braces
      .slice(1, -1)
      .split(",")
      .map((name) => name.trim().split(" as ")[0] ?? "")
      .filter((name) => name !== "");
    const isType = (name: string) => type !== undefined || name.startsWith("type ");
    return {
      from,
      values: listed.filter((name) => !isType(name)),
      types: listed.filter(isType).map((name) => name.replace("type ", "")),
    };
  });
}

function readSource(file: string): SourceFile {
  const text = readFileSync(file, "utf8");
  return { text, lines: text.split("\n").length - 1, imports: readImports(text) };
}

const isProduction = (file: string): boolean =>
  /\/src\/.*\.ts$/.test(file) &&
  !/\.(?:test|fixture|conformance)\.ts$/.test(file) &&
  !/^packages\/testing\/|\/stubs\//.test(file);

const tracked = execFileSync("git", ["ls-files", "apps", "packages"], { encoding: "utf8" }).trim().split("\n");
const sources = new Map(
  tracked.filter((file) => isProduction(file) && existsSync(file)).map((file) => [file, readSource(file)]),
);

/** The files that define `names`. A name of another package leads to the file that defines it, not to the package's `index.ts`. */
function definitionsOf(file: string, from: string, names: readonly string[]): string[] {
  if (from.startsWith(".")) return [join(dirname(file), from)];
  if (!from.startsWith("@darkroom/")) return [];
  const index = `packages/${from.slice("@darkroom/".length)}/src/index.ts`;
  return (sources.get(index)?.imports ?? [])
    .filter(({ values, types }) => names.some((name) => values.includes(name) || types.includes(name)))
    .map((entry) => join(dirname(index), entry.from));
}

/** The files that a file imports for more than their types. */
const importedBy = (file: string): string[] =>
  (sources.get(file)?.imports ?? []).flatMap(({ from, values, types }) =>
    values.length === 0 && types.length > 0 ? [] : definitionsOf(file, from, values),
  );

/**
 * The files of the parts that a file is handed when the app is put together. It imports only the type of such a part, and that type is
 * the `ReturnType` of the function that makes the part.
 */
const handedTo = (file: string): string[] =>
  (sources.get(file)?.imports ?? []).flatMap(({ from, types }) =>
    types.flatMap((name) =>
      definitionsOf(file, from, [name]).filter((definition) =>
        sources.get(definition)?.text.includes(`export type ${name} = ReturnType<`),
      ),
    ),
  );

function reachableFrom(entries: readonly string[], next: (file: string) => string[]): string[] {
  const seen = new Set<string>();
  const pending = [...entries];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (seen.has(file) || !sources.has(file)) continue;
    seen.add(file);
    pending.push(...next(file));
  }
  return [...seen];
}

/** Each circle that `next` leads round, once, as the names on it. */
function circlesOf(names: Iterable<string>, next: (name: string) => Iterable<string>): string[][] {
  const done = new Set<string>();
  const path: string[] = [];
  const circles: string[][] = [];
  const visit = (name: string): void => {
    const at = path.indexOf(name);
    if (at !== -1) circles.push([...path.slice(at), name]);
    if (at !== -1 || done.has(name)) return;
    path.push(name);
    for (const target of next(name)) visit(target);
    path.pop();
    done.add(name);
  };
  for (const name of names) visit(name);
  return circles;
}

function packageEdges(): Map<string, Set<string>> {
  const edges = new Map<string, Set<string>>();
  for (const [file, { imports }] of sources) {
    const own = file.split("/").slice(0, 2).join("/");
    const targets = edges.get(own) ?? new Set();
    edges.set(own, targets);
    for (const { from } of imports)
      if (from.startsWith("@darkroom/")) targets.add(`packages/${from.slice("@darkroom/".length)}`);
  }
  return edges;
}

const lines = [...sources.values()].map((source) => source.lines).toSorted((a, b) => a - b);
const quantile = (share: number): number => lines[Math.min(lines.length - 1, Math.floor(lines.length * share))] ?? 0;
const edges = packageEdges();
// Types count here: you follow them, too.
const fileCircles = circlesOf(sources.keys(), (file) =>
  (sources.get(file)?.imports ?? [])
    .filter(({ from }) => from.startsWith("."))
    .map(({ from }) => join(dirname(file), from)),
);
const packageCircles = circlesOf(edges.keys(), (name) => edges.get(name) ?? []);

const ofImports = reachableFrom(requestEntries, importedBy);
const ofParts = reachableFrom(requestEntries, (file) => [...importedBy(file), ...handedTo(file)]);

const missing = requestEntries.filter((file) => !sources.has(file));
if (missing.length > 0) throw new Error(`There is no ${missing.join(", ")}: name the new place in scripts/house.ts.`);

const rows: [string, number][] = [
  ["production files", sources.size],
  ["lines", lines.reduce((sum, count) => sum + count, 0)],
  ["lines a file, median", quantile(0.5)],
  ["lines a file, 90 % have at most", quantile(0.9)],
  ["lines of the longest file", lines.at(-1) ?? 0],
  [`files under ${crumbLines} lines`, lines.filter((count) => count < crumbLines).length],
  ["files of one synchronous request, by imports", ofImports.length],
  ["  with the parts that the app hands in", ofParts.length],
  ["  of these in apps/api", ofParts.filter((file) => file.startsWith("apps/api/")).length],
  ["edges between packages", [...edges.values()].reduce((sum, targets) => sum + targets.size, 0)],
  ["circles of files", fileCircles.length],
  ["circles of packages", packageCircles.length],
];
for (const [name, value] of rows) console.log(`${name.padEnd(46)} ${value}`);
for (const circle of [...fileCircles, ...packageCircles]) console.log(`circle: ${circle.join(" → ")}`);
// `pnpm house --request` names the files that you open to follow the request.
if (process.argv.includes("--request")) console.log(ofParts.toSorted().join("\n"));
