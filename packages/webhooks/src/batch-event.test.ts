import { type Batch, batchEventSchema } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { batchEvent } from "./batch-event.ts";
import { maxEventBytes } from "./cut-to-size.ts";

const endings = ["completed", "failed", "expired", "cancelled"] as const;
const endedAt = { completed: 1_790_000_001, failed: 1_790_000_002, expired: 1_790_000_003, cancelled: 1_790_000_004 };

const batch = (changes: Partial<Batch> = {}): Batch => ({
  id: "batch_01k00000000000000000000000",
  object: "batch",
  endpoint: "/v1/images/generations",
  model: "gpt-image-1",
  errors: null,
  input_file_id: "file-01k00000000000000000000000",
  completion_window: "24h",
  status: "completed",
  output_file_id: "file-01k00000000000000000000001",
  error_file_id: null,
  created_at: 1_790_000_000,
  in_progress_at: 1_790_000_000,
  expires_at: 1_790_086_400,
  finalizing_at: 1_790_000_000,
  completed_at: null,
  failed_at: null,
  expired_at: null,
  cancelling_at: null,
  cancelled_at: null,
  request_counts: { total: 3, completed: 2, failed: 1 },
  metadata: { order: "17" },
  cost: 40_000,
  ...changes,
});

const fault = (line: number) => ({ code: "invalid_json_line", message: "x".repeat(200), param: null, line });
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

test.each(endings)("%s has a type of its own, and the time it came to that", (status) => {
  const ended = batch({ status, [`${status}_at`]: endedAt[status] });
  expect(batchEvent(ended)).toEqual({
    type: `batch.${status}`,
    timestamp: new Date(endedAt[status] * 1_000).toISOString(),
    data: ended,
  });
});

test("one that has not ended is none", () => {
  expect(() => batchEvent(batch({ status: "cancelling" }))).toThrow("has not ended");
});

test("of a thousand faults the first ten are told, and that there were more", () => {
  const errors = { object: "list" as const, data: Array.from({ length: 1_000 }, (_, i) => fault(i + 1)) };
  const { data } = batchEvent(batch({ status: "failed", failed_at: 1_790_000_002, errors }));
  expect(data.errors?.data.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(data.truncated).toEqual(["errors.data"]);
});

test("whatever a caller sends, the event keeps its form and its limit", () => {
  const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`key ${i}`, "\u0001".repeat(512)]));
  const errors = { object: "list" as const, data: [{ ...fault(1), message: "語".repeat(20_000) }] };
  const event = batchEvent(batch({ status: "failed", failed_at: 1_790_000_002, errors, metadata }));
  expect(bytesOf(event)).toBeLessThanOrEqual(maxEventBytes);
  expect(batchEventSchema.parse(event).data).toMatchObject({ metadata: null, truncated: ["errors", "metadata"] });
});
