import { expect, test } from "vitest";
import { generationSchema } from "@darkroom/contracts";
import { pollAfterSeconds } from "./send-generation.ts";

const generation = generationSchema.parse({
  id: "gen_1",
  object: "generation",
  status: "queued",
  model: "dall-e-2",
  created_at: 990,
  started_at: null,
  completed_at: null,
  expires_at: null,
  queue: null,
  attempts: 0,
  provider: null,
  timings_ms: {},
  cost: null,
  metadata: {},
  batch_id: null,
  request: { prompt: "a cat" },
  response: null,
  error: null,
});
const queuedFor = (startAt: number | null) => ({ ...generation, queue: { position: 3, estimated_start_at: startAt } });
const nowMs = 1_000_000;

test.each([
  ["without a place in line", generation, 2],
  ["without an estimate", queuedFor(null), 2],
  ["about to start", queuedFor(1_001), 2],
  ["to start in a while", queuedFor(1_012), 12],
  ["to start in an hour", queuedFor(4_600), 30],
  ["running", { ...generation, status: "running" as const }, 2],
  ["ended", { ...generation, status: "failed" as const }, null],
])("%s", (_case, shown, seconds) => {
  expect(pollAfterSeconds(shown, nowMs)).toBe(seconds);
});
