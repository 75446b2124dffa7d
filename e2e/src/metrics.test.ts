import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { startObservedStack } from "./observed-stack.ts";

type Documented = { type: string; labels: string[]; toldBy: string };

/** The rows of all tables of docs/metrics.md, by the name of the metric. */
async function documentedMetrics(): Promise<Map<string, Documented>> {
  const page = await readFile(new URL("../../docs/metrics.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `(darkroom_\w+)` +\| (\w+) +\| ([\w, ]*?) *\| (api|worker|both) +\| \S/gm)];
  return new Map(
    rows.map(([, name = "", type = "", labels = "", toldBy = ""]) => [
      name,
      { type, labels: labels === "" ? [] : labels.split(", ").toSorted(), toldBy },
    ]),
  );
}

/** What an exposition has: the types by name, and of each name that has series their labels, and whether any is not zero. */
function read(exposition: string) {
  const types = new Map(
    [...exposition.matchAll(/^# TYPE (darkroom_\w+) (\w+)$/gm)].map(([, name = "", type = ""]) => [name, type]),
  );
  const series = new Map<string, { labels: string[]; isZero: boolean }>();
  for (const [, sample = "", inside = "", value] of exposition.matchAll(/^(darkroom_\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    const name = types.has(sample) ? sample : sample.replace(/_(?:bucket|sum|count)$/, "");
    const labels = [...inside.matchAll(/(\w+)="/g)].map(([, label = ""]) => label).filter((label) => label !== "le");
    const isZero = (series.get(name)?.isZero ?? true) && Number(value) === 0;
    series.set(name, { labels: labels.toSorted(), isZero });
  }
  return { types, series };
}

/** What happens too rarely to be provoked here. Each is counted in a test beside its source. */
const rare = new Set([
  "darkroom_unpriced_generations_total",
  "darkroom_capped_generations_total",
  "darkroom_unbilled_generations_total",
  "darkroom_unbilled_generations_by_key_total",
  "darkroom_repeated_images_total",
  "darkroom_doubtful_images_total",
  "darkroom_quarantined_total",
  "darkroom_tenant_reads",
  "darkroom_tenant_read_bytes_last_minute",
  "darkroom_tenant_webhook_slots",
]);

test("docs/metrics.md has every metric that an api and a worker expose, with its type and labels, and who tells it", async () => {
  const documented = await documentedMetrics();
  expect(documented.size).toBeGreaterThan(50);
  const stack = await startObservedStack();
  await stack.use();
  const held = stack.hold("a cat that takes its time", 60);
  await expect.poll(stack.scrapeWorker).toMatch(/^darkroom_tenant_drawing_slots\{tenant="acme"\} 1$/m);
  await expect.poll(stack.scrapeApi).toMatch(/^darkroom_lane_service_seconds\{/m);
  const exposed = { api: read(await stack.scrapeApi()), worker: read(await stack.scrapeWorker()) };
  void held;

  const types = new Map([...documented].map(([name, { type }]) => [name, type]));
  expect(exposed.api.types).toEqual(types);
  expect(exposed.worker.types).toEqual(types);
  const faults: string[] = [];
  for (const [name, { labels, toldBy }] of documented) {
    for (const by of ["api", "worker"] as const) {
      const told = exposed[by].series.get(name);
      if (told !== undefined && told.labels.join() !== labels.join())
        faults.push(`${name}: labels ${told.labels.join()}`);
      if (toldBy !== by && toldBy !== "both" && told?.isZero === false) faults.push(`${name}: the ${by} tells it, too`);
      const isExpected = toldBy === by || toldBy === "both";
      if (isExpected && told === undefined && !rare.has(name)) faults.push(`${name}: the ${by} has none`);
    }
  }
  expect(faults).toEqual([]);
});

test("routes, endings, outcomes and waits are told by what they are", async () => {
  const stack = await startObservedStack();
  await stack.use();
  const held = stack.hold("a cat that takes its time", 60);
  await expect.poll(stack.scrapeApi).toContain('darkroom_open_requests{kind="sync"} 1\n');
  await fetch(`${stack.origin}/made/up/by/a/caller`);
  void held;
  const api = await stack.scrapeApi();
  const counts = (name: string) =>
    [...api.matchAll(new RegExp(`^darkroom_${name}\\{(.*)\\} ([1-9]\\d*)$`, "gm"))].map(
      ([, inside, value]) => `${inside} ${value}`,
    );
  expect(counts("http_request_duration_seconds_count")).toEqual(
    expect.arrayContaining([
      'method="POST",route="/v1/images/generations",status="200" 3',
      'method="POST",route="/v1/images/generations",status="400" 2',
      'method="POST",route="/v1/batches",status="200" 1',
      'method="(any)",route="(none)",status="404" 1',
    ]),
  );
  expect(api).not.toContain("made");
  const worker = await stack.scrapeWorker();
  const expected = [
    'darkroom_generations_total{ending="failed",model="dall-e-2"} 1',
    'darkroom_provider_calls_total{upstream="sandbox",outcome="rate_limited"} 1',
    'darkroom_provider_calls_total{upstream="sandbox",outcome="moderation_blocked"} 1',
    'darkroom_webhook_attempts_total{outcome="delivered"} 1',
    "darkroom_webhook_lag_seconds_count 1",
    'darkroom_queue_wait_seconds_count{lane="openai.batch"} 2',
    'darkroom_generation_duration_seconds_count{lane="openai.interactive",ending="succeeded"} 3',
    'darkroom_upload_duration_seconds_count{outcome="stored"} 5',
  ];
  expect(expected.filter((line) => !worker.includes(`${line}\n`))).toEqual([]);
});
