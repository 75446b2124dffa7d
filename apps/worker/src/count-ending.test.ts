import { createMetrics } from "@darkroom/runtime";
import { expect, test } from "vitest";
import { createCountEnding } from "./count-ending.ts";

test("an ending without a bill is counted where the provider may have charged", async () => {
  const metrics = createMetrics({ ofProcess: false });
  const count = createCountEnding({ metrics });
  const record = { model: "m", tenant: "acme", keyId: "key_a", lane: "l", queuedAtMs: 0 };
  count(record, { status: "failed", bill: null, unbilled: false });
  count(record, { status: "failed", bill: null, unbilled: true });
  const text = await metrics.render();
  expect(text).toContain('darkroom_unbilled_generations_total{model="m"} 1\n');
  expect(text).toContain('darkroom_unbilled_generations_by_key_total{tenant="acme",key_id="key_a"} 1\n');
  expect(text).not.toContain("billed_micros_total{");
});

test("generations are counted by model and ending, and measured from the time at which they were queued", async () => {
  const metrics = createMetrics({ ofProcess: false });
  let nowMs = 100_000;
  const count = createCountEnding({ metrics, now: () => nowMs });
  const record = { model: "m", tenant: "acme", keyId: "key_a", lane: "l", queuedAtMs: 60_000 };
  count(record, { status: "failed", bill: null, unbilled: false });
  // A clock that is behind.
  nowMs = 0;
  count(record, { status: "canceled", bill: null, unbilled: false });
  const text = await metrics.render();
  expect(text).toContain('darkroom_generations_total{ending="failed",model="m"} 1\n');
  expect(text).toContain('darkroom_generations_total{ending="canceled",model="m"} 1\n');
  expect(text).toContain('darkroom_generation_duration_seconds_sum{lane="l",ending="failed"} 40\n');
  expect(text).toContain('darkroom_generation_duration_seconds_sum{lane="l",ending="canceled"} 0\n');
});
