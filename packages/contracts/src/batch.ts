import { z } from "zod";
import { expiresAfterSchema } from "./file.ts";
import { imageResponseSchema, usageSchema } from "./image-response.ts";
import { errorBodySchema } from "./api-error.ts";
import { metadataSchema, webhookEventsOf } from "./image-request.ts";
import { microsSchema } from "./money.ts";
import { missingImageSchema } from "./ending.ts";
import { optional } from "./optional.ts";

/** The one endpoint whose requests can be batched. */
export const batchEndpoint = "/v1/images/generations";

/** OpenAI's limit. */
export const maxBatchLines = 50_000;

/** From which nothing moves on its own. Spelled as OpenAI spells them. */
export const batchEndings = ["failed", "completed", "expired", "cancelled"] as const;
export type BatchEnding = (typeof batchEndings)[number];

export const isBatchEnding = (status: string): status is BatchEnding =>
  (batchEndings as readonly string[]).includes(status);

/** `validating` → `in_progress` → `finalizing` → an ending; `cancelling` from the first two. `failed` is a file that cannot be run. */
export const batchStatuses = ["validating", "in_progress", "finalizing", "cancelling", ...batchEndings] as const;
export type BatchStatus = (typeof batchStatuses)[number];

/** What is wrong with one line of the input, or with all of it (`line` null). Lines count from 1. */
export const batchFaultSchema = z.object({
  code: z.string(),
  message: z.string(),
  param: z.string().nullable(),
  line: z.int().nullable(),
});
export type BatchFault = z.infer<typeof batchFaultSchema>;

/** The tokens of all lines, with what OpenAI's clients read of a batch: they take it that these two are there. */
const batchUsageSchema = usageSchema.extend({
  input_tokens_details: usageSchema.shape.input_tokens_details.extend({ cached_tokens: z.int() }),
  output_tokens_details: z.object({ text_tokens: z.int(), image_tokens: z.int(), reasoning_tokens: z.int() }),
});

/** Null where there is none: the examples in OpenAI's document have it so, whatever its schema says. */
const time = z.int().nullable();

/** A batch as OpenAI's Batch API shows it. Times are Unix seconds. */
export const batchSchema = z.object({
  id: z.string(),
  object: z.literal("batch"),
  endpoint: z.literal(batchEndpoint),
  /** Absent until the input was validated. */
  model: optional(z.string()),
  /** `total` is ours: how many there are. Where `data` has not all of them, the error file has. Absent: an older release. */
  errors: z.object({ object: z.literal("list"), data: z.array(batchFaultSchema), total: optional(z.int()) }).nullable(),
  input_file_id: z.string(),
  completion_window: z.string(),
  status: z.enum(batchStatuses),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  created_at: z.int(),
  in_progress_at: time,
  expires_at: time,
  finalizing_at: time,
  completed_at: time,
  failed_at: time,
  expired_at: time,
  cancelling_at: time,
  cancelled_at: time,
  /** At the end `completed` and `failed` make up `total`: a line that was canceled or not reached in time has failed. */
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  /** Absent until the end, and where no line reported any tokens. */
  usage: optional(batchUsageSchema),
  metadata: z.record(z.string(), z.string()).nullable(),
  /** Ours: what the lines that have ended cost so far, in micros. Lines whose price is unknown are not in it. */
  cost: microsSchema,
});
export type Batch = z.infer<typeof batchSchema>;

const completionWindow = z
  .string()
  .regex(/^[1-9]\d{0,4}[mhd]$/, {
    error: "must look like 24h: a number of minutes (m), hours (h) or days (d)",
    // What is none cannot be measured.
    abort: true,
  })
  .refine((text) => completionWindowMs(text) <= 7 * 86_400_000, "must be at most 7d");

/** `24h` in milliseconds. OpenAI knows that one only; a weekend is longer, and a test shorter. */
export function completionWindowMs(text: string): number {
  const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 }[text.slice(-1)];
  if (unitMs === undefined) throw new Error(`Not a completion window: ${text}`);
  return Number(text.slice(0, -1)) * unitMs;
}

/** The body of `POST /v1/batches`. */
export const createBatchSchema = z.strictObject({
  input_file_id: z.string(),
  endpoint: z.literal(batchEndpoint),
  completion_window: completionWindow,
  metadata: optional(metadataSchema),
  output_expires_after: optional(expiresAfterSchema),
  /** Ours: where to POST how the batch ended, and of which endings to tell; all of them when left out. */
  job: optional(
    z.strictObject({
      webhook: optional(z.url("must be an https URL").max(2_048)),
      webhook_events: optional(webhookEventsOf(batchEndings)),
    }),
  ),
});
export type CreateBatch = z.infer<typeof createBatchSchema>;

/** One line of the input. Its `body` is a request of its own, checked like one. */
export const batchLineSchema = z.strictObject({
  custom_id: z
    .string()
    .min(1)
    .max(512)
    .refine((id) => id.isWellFormed(), "must be well-formed Unicode, without half a surrogate pair"),
  method: z.literal("POST"),
  url: z.literal(batchEndpoint),
  body: z.record(z.string(), z.unknown()),
});

/** One line of the output or the error file. `error` is for lines that never became a request: `batch_expired`, `batch_cancelled`. */
export const batchOutputLineSchema = z.object({
  id: z.string(),
  custom_id: z.string(),
  response: z
    .object({
      status_code: z.int(),
      request_id: z.string(),
      body: z.union([imageResponseSchema, errorBodySchema]),
    })
    .nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** Ours: which images of a line did not come, and why, where others of it did. */
  missing: z.array(missingImageSchema).optional(),
});
export type BatchOutputLine = z.infer<typeof batchOutputLineSchema>;
