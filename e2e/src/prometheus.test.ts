import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { startObservedStack } from "./observed-stack.ts";
import { hasPrometheus, startPrometheus } from "./prometheus.ts";
import { runProgram } from "./run-program.ts";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string) => readFile(at(path), "utf8");

const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(["critical", "warning", "info"]) }),
          annotations: z.object({ summary: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});
const testsSchema = z.object({
  tests: z.array(
    z.object({ alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })) }),
  ),
});
const dashboardSchema = z.object({
  panels: z.array(
    z.object({ type: z.string(), title: z.string(), targets: z.array(z.object({ expr: z.string() })).default([]) }),
  ),
});

const rules = rulesSchema
  .parse(parse(await read("deploy/prometheus/alerts.yml")))
  .groups.flatMap((group) => group.rules);
const { panels } = dashboardSchema.parse(JSON.parse(await read("deploy/grafana/darkroom.json")));
const isThere = await hasPrometheus();

/** The names of Darkroom's metrics in a query, without the endings of a histogram's series. */
const namesIn = (query: string): string[] =>
  [...query.matchAll(/darkroom_\w+/g)].map(([name]) => name.replace(/_(?:bucket|sum|count)$/, ""));

test("each alert has a section that says what to look at and what to do, and no section is left over", async () => {
  const [, ...sections] = (await read("docs/alerts.md")).split(/^## /m);
  expect(rules.length).toBeGreaterThan(20);
  expect(sections.map((section) => section.split("\n", 1)[0])).toEqual(rules.map(({ alert }) => alert));
  for (const [index, section] of sections.entries()) {
    const { alert, labels, annotations } = rules[index] ?? {};
    expect(section).toMatch(new RegExp(`^${alert}\n\n\`${labels?.severity}\`[^.]*\\. \\S`));
    expect(section).toMatch(/^- \*\*Look at\*\*: \S/m);
    expect(section).toMatch(/^- \*\*Do\*\*: \S/m);
    expect(annotations?.runbook).toBe(`docs/alerts.md#${alert?.toLowerCase()}`);
  }
});

test("each alert has a test by which it fires, and one by which it keeps quiet", async () => {
  const { tests } = testsSchema.parse(parse(await read("deploy/prometheus/alerts.test.yml")));
  const cases = tests.flatMap((one) => one.alert_rule_test);
  const counts = cases.map(({ alertname, exp_alerts: alerts }) => [alertname, alerts.length]);
  expect(counts).toEqual(
    rules.flatMap(({ alert }) => [
      [alert, 1],
      [alert, 0],
    ]),
  );
});

test("alerts and dashboard ask for metrics that docs/metrics.md has", async () => {
  const documented = new Set(
    [...(await read("docs/metrics.md")).matchAll(/^\| `(darkroom_\w+)`/gm)].map(([, name]) => name),
  );
  const asked = [
    ...rules.map(({ expr }) => expr),
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...[...(await read("docs/alerts.md")).matchAll(/`([^`\n]*darkroom_[^`\n]*)`/g)].map(([, query = ""]) => query),
  ].flatMap(namesIn);
  expect(asked.length).toBeGreaterThan(60);
  expect(asked.filter((name) => !documented.has(name))).toEqual([]);
});

describe.skipIf(!isThere)("Prometheus", () => {
  test("takes the configuration and the rules, and every alert fires when it should and only then", async () => {
    await runProgram("promtool", ["check", "config", "--syntax-only", at("deploy/prometheus/prometheus.yml")]);
    expect(parse(await read("deploy/prometheus/prometheus.yml"))).toMatchObject({ rule_files: ["alerts.yml"] });
    await runProgram("promtool", ["check", "rules", at("deploy/prometheus/alerts.yml")]);
    await runProgram("promtool", ["test", "rules", at("deploy/prometheus/alerts.test.yml")]);
  });

  test("finds something for every query of the dashboard, and understands every alert, where an api and a worker are in use", async () => {
    const stack = await startObservedStack();
    const prometheus = await startPrometheus(stack);
    const query = (text: string) => prometheus.query(text);
    // A rate needs two scrapes of a series, and a counter has none before its first event.
    await stack.use();
    await expect.poll(async () => (await query("darkroom_rate_limited_calls_total offset 2s")).length).toBe(1);
    await stack.use();
    const held = stack.hold("a cat that takes its time", 120);
    const queries = panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => ({ title, expr: expr.replaceAll("$__rate_interval", "1m") })),
    );
    expect(queries.length).toBeGreaterThan(40);
    for (const { title, expr } of queries) {
      await expect.poll(async () => (await query(expr)).length, { message: `${title}: ${expr}` }).toBeGreaterThan(0);
    }
    void held;
    for (const { expr } of rules) await query(expr);
    // One process of each job, by the key and the ports of the configuration.
    const found = await query('sum by (job) (up{job=~"darkroom-.*"})');
    // Prometheus promises no order.
    expect(found.toSorted((a, b) => String(a.labels["job"]).localeCompare(String(b.labels["job"])))).toEqual([
      { labels: { job: "darkroom-api" }, value: 1 },
      { labels: { job: "darkroom-worker" }, value: 1 },
    ]);
  });
});
