import { z } from "zod";
import { generationSchema } from "./generation.ts";

/** A lane, as `GET /admin/lanes` shows it. */
export const laneSchema = z.object({
  object: z.literal("lane"),
  id: z.string(),
  /** `paused`: no worker takes a job. `draining`: it takes no new generations. Both may hold, and then it is paused. */
  state: z.enum(["open", "paused", "draining"]),
  draining: z.boolean(),
  waiting: z.int(),
  active: z.int(),
  delayed: z.int(),
  /** Seconds since the job was queued that has waited longest; null where none is in line. */
  oldest_seconds: z.int().nullable(),
  /** Milliseconds for which the lane still gives out no job because its upstream's rate limit is reached. */
  closed_ms: z.int(),
  /** Workers that are alive and work it off, and how many jobs they run at a time. */
  workers: z.int(),
  concurrency: z.int(),
});
export type Lane = z.infer<typeof laneSchema>;

/** Why a generation is where it is. */
export const waitReasons = [
  "lane_paused",
  "no_worker",
  "retry_delayed",
  "upstream_rate_limit",
  "store_refuses",
  "no_room",
  "concurrency_limit",
  "in_line",
  "taken",
  "job_missing",
  "running",
  "ended",
] as const;

/**
 * A generation, as the operator sees it. It has no prompt. Times are Unix seconds. A message that quotes the request of its caller is left
 * out.
 */
export const operatorGenerationSchema = generationSchema
  .pick({
    id: true,
    status: true,
    model: true,
    created_at: true,
    started_at: true,
    completed_at: true,
    expires_at: true,
  })
  .extend({
    object: z.literal("admin.generation"),
    tenant: z.string(),
    key_id: z.string(),
    lane: z.string(),
    batch_id: z.string().nullable(),
    age_seconds: z.int(),
    attempts: z.int(),
    failures: z.int(),
    rate_limits: z.int(),
    resumes_at: z.int().nullable(),
    error: z.object({ code: z.string(), message: z.string().nullable() }).nullable(),
  });
export type OperatorGeneration = z.infer<typeof operatorGenerationSchema>;

/** A call of a deployment that was made for a generation. */
const shownCallSchema = z.object({
  attempt: z.int(),
  upstream: z.string(),
  /** Unix seconds. */
  started_at: z.int(),
  duration_ms: z.int().nullable(),
  /** Null while it is under way, and where its worker died. */
  outcome: z.string().nullable(),
  may_have_charged: z.boolean(),
});

/** One generation, its place in line, and why it is where it is. */
export const explainedGenerationSchema = operatorGenerationSchema.extend({
  position: z.int().nullable(),
  /** The latest twenty, the latest last. Calls of an upstream that the environment names are not kept where there is no deployments file. */
  calls: z.array(shownCallSchema).default([]),
  reason: z.enum(waitReasons),
  /** A sentence. */
  why: z.string(),
});
export type ExplainedGeneration = z.infer<typeof explainedGenerationSchema>;

/** A job of a lane. `generation` is null for a job that is no generation, and for a record that cannot be read. */
export const laneJobSchema = z.object({
  object: z.literal("lane.job"),
  id: z.string(),
  state: z.enum(["waiting", "active", "delayed"]),
  /** From 1 on among the jobs of this state. */
  position: z.int(),
  generation: operatorGenerationSchema.nullable(),
});
export type LaneJob = z.infer<typeof laneJobSchema>;

/** A process of the fleet. */
export const processSchema = z.object({
  object: z.literal("process"),
  id: z.string(),
  kind: z.enum(["api", "worker"]),
  state: z.enum(["running", "draining"]),
  host: z.string(),
  pid: z.int(),
  version: z.string(),
  /** Unix seconds. */
  since: z.int(),
  last_seen: z.int(),
  /** By how many seconds the clock of its machine is ahead of that of Redis; negative for one that is behind. 0 for a process that does not tell it. */
  clock_ahead_seconds: z.int().default(0),
  /** Jobs that a worker runs, or requests that an api holds open. */
  active: z.int(),
  lanes: z.array(z.object({ lane: z.string(), concurrency: z.int(), active: z.int(), paused: z.boolean() })),
});
export type Process = z.infer<typeof processSchema>;

/** A deployment of a model, as `GET /admin/providers` shows it. The figures are those of all workers together. */
export const shownDeploymentSchema = z.object({
  object: z.literal("deployment"),
  id: z.string(),
  model: z.string(),
  provider: z.string(),
  /** Null for the provider's own. */
  address: z.string().nullable(),
  upstream_model: z.string().nullable(),
  priority: z.int(),
  weight: z.int(),
  /** Null where there is none. */
  limits: z.object({
    requests_per_minute: z.int().nullable(),
    images_per_minute: z.int().nullable(),
    concurrency: z.int().nullable(),
  }),
  /** `trying`: it was closed, and has few calls at a time until it has shown that it works. */
  state: z.enum(["open", "closed", "trying"]),
  closed_ms: z.int(),
  closed_for: z.enum(["limit", "failures"]).nullable(),
  /** In a row. */
  failures: z.int(),
  under_way: z.int(),
  requests_last_minute: z.int(),
  images_last_minute: z.int(),
  /** How long a call takes in the mean, in milliseconds. */
  call_ms: z.int().nullable(),
  /** Workers that have it in force so. */
  workers: z.int(),
});
export type ShownDeployment = z.infer<typeof shownDeploymentSchema>;

/** Which generations the operator means. What is absent restricts nothing. Times are Unix seconds. */
export const generationFilterSchema = z.strictObject({
  tenant: z.string().optional(),
  key: z.string().optional(),
  batch: z.string().optional(),
  lane: z.string().optional(),
  model: z.string().optional(),
  status: generationSchema.shape.status.optional(),
  error_code: z.string().optional(),
  created_after: z.int().min(0).optional(),
  created_before: z.int().min(0).optional(),
});
export type GenerationFilter = z.infer<typeof generationFilterSchema>;

/** What `POST /admin/generations/cancel` and `…/retry` answer for a page. */
export const generationActionSchema = z.object({
  object: z.literal("generations.action"),
  action: z.enum(["cancel", "retry"]),
  dry_run: z.boolean(),
  /** The filter as it was understood: with a `created_before`, so that later generations are not among them. */
  filter: generationFilterSchema,
  /** Generations of this page that match. */
  matched: z.int(),
  /** Those that were changed. */
  done: z.int(),
  /** Those that were not, and why. */
  failed: z.array(z.object({ id: z.string(), code: z.string(), message: z.string() })),
  /** Records that this release cannot read. Nothing is done to them. */
  unreadable: z.array(z.string()),
  /** Where the next page begins; null after the last. */
  next: z.string().nullable(),
});
export type GenerationAction = z.infer<typeof generationActionSchema>;
