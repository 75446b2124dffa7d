import { expect, test } from "vitest";
import { createMetrics } from "./metrics.ts";

const countersOf = (text: string) => [...text.matchAll(/^# TYPE (darkroom_\S+) counter$/gm)].map(([, name]) => name);

test("every counter is told with its help before anything has happened", async () => {
  const text = await createMetrics({ ofProcess: false }).render();
  expect(countersOf(text)).toEqual([
    "darkroom_unpriced_generations_total",
    "darkroom_capped_generations_total",
    "darkroom_billed_micros_total",
    "darkroom_unbilled_generations_total",
    "darkroom_unbilled_generations_by_key_total",
    "darkroom_repeated_images_total",
    "darkroom_rate_limited_calls_total",
    "darkroom_doubtful_images_total",
    "darkroom_spool_disk_errors_total",
    "darkroom_quarantined_total",
    "darkroom_refused_requests_total",
    "darkroom_dropped_connections_total",
    "darkroom_dropped_log_lines_total",
    "darkroom_generations_total",
    "darkroom_provider_calls_total",
    "darkroom_webhook_attempts_total",
  ]);
  const names = text.match(/^# TYPE darkroom_\S+/gm) ?? [];
  expect(names.length).toBeGreaterThan(40);
  expect(text.match(/^# HELP darkroom_\S+ \S.*\.$/gm)).toHaveLength(names.length);
});

test("unbilled generations are told by key, of two hundred keys apart", async () => {
  const metrics = createMetrics({ ofProcess: false });
  for (let key = 1; key <= 250; key++) {
    metrics.unbilledGenerations.inc({ model: "m", tenant: "acme", keyId: `key_${key}` });
  }
  metrics.unbilledGenerations.inc({ model: "m", tenant: "acme", keyId: "key_7" });
  const text = await metrics.render();
  expect(text).toContain('darkroom_unbilled_generations_total{model="m"} 251\n');
  expect(text).toContain('darkroom_unbilled_generations_by_key_total{tenant="acme",key_id="key_7"} 2\n');
  expect(text).toContain('darkroom_unbilled_generations_by_key_total{tenant="other",key_id="other"} 50\n');
  expect(text.match(/^darkroom_unbilled_generations_by_key_total\{/gm)).toHaveLength(201);
});

test("a counter by model with another label tells both, and bounds the models", async () => {
  const metrics = createMetrics({ ofProcess: false });
  for (let i = 0; i < 250; i++) metrics.generations.inc({ model: `m${i}`, ending: "failed" });
  metrics.generations.inc({ model: "m0", ending: "succeeded" });
  const text = await metrics.render();
  expect(text).toContain('darkroom_generations_total{ending="succeeded",model="m0"} 1\n');
  expect(text).toContain('darkroom_generations_total{ending="failed",model="other"} 50\n');
  expect(text.match(/^darkroom_generations_total\{/gm)).toHaveLength(202);
});

test("what was counted is told by label", async () => {
  const metrics = createMetrics({ ofProcess: false });
  metrics.billedMicros.inc({ model: "m" }, 40_000);
  metrics.billedMicros.inc({ model: "m" }, 2);
  metrics.refusedRequests.inc({ code: "not_found" });
  const text = await metrics.render();
  expect(text).toContain('darkroom_billed_micros_total{model="m"} 40002\n');
  expect(text).toContain('darkroom_refused_requests_total{code="not_found"} 1\n');
  expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
});

test("two hundred models are told apart, and what callers make up beyond is counted together", async () => {
  const metrics = createMetrics({ ofProcess: false });
  for (let i = 0; i < 250; i++) metrics.unpricedGenerations.inc({ model: `m${i}` });
  metrics.unpricedGenerations.inc({ model: "m0" }, 4);
  const text = await metrics.render();
  expect(text.match(/^darkroom_unpriced_generations_total\{.*$/gm)).toHaveLength(201);
  expect(text).toContain('darkroom_unpriced_generations_total{model="m0"} 5\n');
  expect(text).toContain('darkroom_unpriced_generations_total{model="other"} 50\n');
});

test("the process tells of itself where it is asked to", async () => {
  expect(await createMetrics({ ofProcess: true }).render()).toMatch(/^process_resident_memory_bytes \d+/m);
  expect(await createMetrics({ ofProcess: false }).render()).not.toContain("process_");
});
