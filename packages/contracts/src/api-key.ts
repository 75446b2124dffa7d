import { z } from "zod";
import { maskKeys } from "./mask-keys.ts";
import { microsSchema } from "./money.ts";

/** A tenant, and what the operator calls a key. Both are in keys of Redis, paths of objects and log lines. */
export const labelSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "must have letters, digits and . _ - within, at most 64 characters")
  .refine((label) => maskKeys(label) === label, "must not be a key: names are shown and logged");

const count = z.int().min(1).max(1_000_000).nullable();
/** Of what a tenant stores. The most is below 2^53, so that Redis and its scripts count it exactly. */
const quota = z.int().min(1).max(1_000_000_000_000_000).nullable();

/**
 * What a key may do in a time or at a time. Null: as much as it likes, or, where the installation has a default for each key, as much as
 * that says.
 */
export const limitsSchema = z.strictObject({
  /** Generations begun in any sixty seconds. */
  requests_per_minute: count,
  /** Images asked for in any sixty seconds, refused requests not counted. */
  images_per_minute: count,
  /** Generations that have been accepted and have not ended. */
  concurrent_generations: count,
  /** Of those, the ones that no worker has begun. */
  queued_generations: count,
  /** Requests held open at one api process: waiting calls, streams, long polls. Null: the installation's default. */
  held_requests: count,
  /** Requests of any kind in any sixty seconds, also those that are refused for what they ask. Null: the installation's default. */
  http_requests_per_minute: count,
  /** Uploaded files that the tenant of the key has. Null: the installation's default. */
  stored_files: quota,
  /** Bytes of those files. Null: the installation's default. */
  stored_bytes: quota,
  /** Lines of batches of the tenant of the key that have not ended. Null: the installation's default. */
  unfinished_batch_lines: quota,
});
export type Limits = z.infer<typeof limitsSchema>;

/** What a key may cost, in micros. Days and months are those of UTC. Null: as much as it likes. */
export const budgetSchema = z.strictObject({
  day: microsSchema.nullable(),
  month: microsSchema.nullable(),
  total: microsSchema.nullable(),
});
export type Budget = z.infer<typeof budgetSchema>;

export const noLimits: Limits = {
  requests_per_minute: null,
  images_per_minute: null,
  concurrent_generations: null,
  queued_generations: null,
  held_requests: null,
  http_requests_per_minute: null,
  stored_files: null,
  stored_bytes: null,
  unfinished_batch_lines: null,
};
export const noBudget: Budget = { day: null, month: null, total: null };

/**
 * What a service shows of a key, as a client of any release reads it: the service may have more fields, which are passed over, or fewer,
 * which are null. What a client writes is checked by the strict schemas.
 */
const shown = <Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>, none: z.infer<z.ZodObject<Shape>>) =>
  z.preprocess(
    (value) => (typeof value === "object" && value !== null ? { ...none, ...value } : value),
    z.object(schema.shape),
  );

/** An API key as `/admin/keys` shows it. The key itself is in the answer to its creation and to a rotation, and nowhere else. */
export const apiKeySchema = z.object({
  id: z.string(),
  object: z.literal("api_key"),
  tenant: labelSchema,
  name: labelSchema,
  /** The beginning of the key, by which a person recognises it. */
  prefix: z.string(),
  /** `expired` is an active key whose time is over. */
  status: z.enum(["active", "disabled", "expired"]),
  /** Ids of the catalogue that it may use; null: all. */
  models: z.array(z.string()).nullable(),
  limits: shown(limitsSchema, noLimits),
  budget: shown(budgetSchema, noBudget),
  /** Whether its plain calls are kept alive, as if each preferred it. */
  keep_alive: z.boolean().default(false),
  created_at: z.int(),
  expires_at: z.int().nullable(),
  /** Until when the key that was rotated out still works; null where none does. */
  previous_key_expires_at: z.int().nullable(),
});
export type ApiKey = z.infer<typeof apiKeySchema>;

/** The answer to a creation or a rotation: the only place where the key itself is shown. */
export const createdApiKeySchema = apiKeySchema.extend({ key: z.string() });
