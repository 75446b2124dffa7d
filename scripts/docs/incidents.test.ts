import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { batchCommand } from "../../apps/cli/src/commands/batch.ts";
import { generationsCommand } from "../../apps/cli/src/commands/generations.ts";
import { keysCommand } from "../../apps/cli/src/commands/keys.ts";
import { lanesCommand } from "../../apps/cli/src/commands/lanes.ts";
import { ledgerCommand } from "../../apps/cli/src/commands/ledger.ts";
import { planCommand } from "../../apps/cli/src/commands/plan.ts";
import { drainCommand, processesCommand } from "../../apps/cli/src/commands/processes.ts";
import { providersCommand } from "../../apps/cli/src/commands/providers.ts";
import { quarantineCommand } from "../../apps/cli/src/commands/quarantine.ts";
import { tenantsCommand } from "../../apps/cli/src/commands/tenants.ts";
import { usageCommand } from "../../apps/cli/src/commands/usage.ts";
import { webhooksCommand } from "../../apps/cli/src/commands/webhooks.ts";
import { processShell } from "../../apps/cli/src/shell.ts";

const checkout = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(checkout, path), "utf8");

const documents = ["docs/incidents.md", "docs/alerts.md", "docs/cells.md", "docs/redis.md", "docs/operating.md"];
const incidents = read("docs/incidents.md");
const alerts = read("docs/alerts.md");
const rules = read("deploy/prometheus/alerts.yml");
const sources = globSync("{apps,packages}/*/src/**/*.ts", { cwd: checkout })
  .filter((path) => !/\.(?:test|fixture)\.ts$/.test(path))
  .map(read)
  .join("\n");

const [, ...sections] = incidents.split(/^## /m);
const anchorOf = (title: string) => title.toLowerCase().replaceAll(" ", "-");
const all = (pattern: RegExp, text: string): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, found = ""]) => found)),
];

test("each incident says what is seen, what to do, and when it is over", () => {
  expect(sections.length).toBeGreaterThanOrEqual(10);
  for (const section of sections) {
    expect(section).toMatch(
      /^[^\n]+\n\n\*\*You see\*\*\n\n- [\s\S]*\n\n\*\*Do\*\*\n\n1\. [\s\S]*\n\n\*\*It is over when\*\* \S/,
    );
  }
});

test("each alert leads to an incident, and each incident to an alert or a metric", () => {
  const titles = sections.map((section) => section.split("\n", 1)[0] ?? "");
  const targets = all(/^- \*\*Incident\*\*: \[[^\]]+\]\(incidents\.md#([\w-]+)\)/gm, alerts);
  expect(targets.length).toBeGreaterThan(5);
  expect(targets.filter((target) => !titles.map(anchorOf).includes(target))).toEqual([]);
  for (const section of sections) expect(section).toMatch(/`Darkroom[A-Z]\w+`|`darkroom_/);
});

describe.each([
  ["docs/incidents.md", incidents],
  ["docs/alerts.md", alerts],
])("%s names what is there:", (_, text) => {
  test("alerts", () => {
    const named = all(/`(Darkroom[A-Z]\w+)`/g, text);
    const known = all(/alert: (\w+)/g, rules);
    expect(known.length).toBeGreaterThan(20);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  test("metrics", () => {
    const documented = all(/^\| `(darkroom_\w+)`/gm, read("docs/metrics.md"));
    const named = all(/(darkroom_\w+)/g, text).map((name) => name.replace(/_(?:bucket|sum|count)$/, ""));
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !documented.includes(name))).toEqual([]);
  });

  test("log lines", () => {
    const quoted = all(/"([A-Za-z][^"\n]* [^"\n]* [^"\n]*)"/g, text);
    expect(quoted.length).toBeGreaterThan(3);
    expect(quoted.filter((line) => !sources.includes(line))).toEqual([]);
  });
});

/** As much of a command as is looked at. */
type CommandNode = {
  name: () => string;
  commands: readonly CommandNode[];
  options: readonly { long?: string | undefined }[];
  registeredArguments: readonly unknown[];
};

const shell = processShell;
const commands: readonly CommandNode[] = [
  batchCommand(shell),
  drainCommand(shell),
  generationsCommand(shell),
  keysCommand(shell),
  lanesCommand(shell),
  ledgerCommand(shell),
  planCommand(shell),
  processesCommand(shell),
  providersCommand(shell),
  quarantineCommand(shell),
  tenantsCommand(shell),
  usageCommand(shell),
  webhooksCommand(shell),
];

/** The words of a command line that name no command, and its options that the command does not have. */
function unknownIn(line: string): string[] {
  const words = line.split(" ");
  let children = commands;
  let found: CommandNode | undefined;
  while (words.length > 0) {
    const next = children.find((command) => command.name() === words[0]);
    if (next === undefined) break;
    words.shift();
    found = next;
    children = next.commands;
  }
  if (found === undefined) return [line];
  const long = new Set(found.options.map((option) => option.long));
  // A word that is left is an argument, or the value of an option.
  const isArgument = words.length === 0 || words[0]?.startsWith("--") === true || found.registeredArguments.length > 0;
  return [...(isArgument ? [] : [words[0] ?? ""]), ...words.filter((word) => word.startsWith("--") && !long.has(word))];
}

test("commands that documents name are there, with their options", () => {
  expect(unknownIn("lanes stop openai.batch")).toEqual(["stop"]);
  expect(unknownIn("generations find --color red")).toEqual(["--color"]);
  const lines = documents.flatMap((document) => all(/`\.\/darkroom ([^`\n]+)`/g, read(document)));
  expect(lines.length).toBeGreaterThan(30);
  expect(lines.flatMap((line) => unknownIn(line).map((unknown) => `${unknown} in ./darkroom ${line}`))).toEqual([]);
});
