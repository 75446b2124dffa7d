import { z } from "zod";
import { endings, missingImageSchema } from "./ending.ts";
import { errorObjectSchema } from "./api-error.ts";
import { openImageRequestSchema } from "./image-request.ts";
import { imageResponseSchema } from "./image-response.ts";

const generationStatuses = ["queued", "running", ...endings] as const;
export type GenerationStatus = (typeof generationStatuses)[number];

/** What `GET /v1/generations/{id}` shows. Times are Unix seconds, money is integer millionths of a dollar. */
export const generationSchema = z.object({
  id: z.string(),
  object: z.literal("generation"),
  status: z.enum(generationStatuses),
  model: z.string(),
  /** The model that draws in place of that one, which its maker has switched off. Absent where it draws itself. */
  successor: z.string().optional(),
  created_at: z.int(),
  started_at: z.int().nullable(),
  completed_at: z.int().nullable(),
  /** When it expires if no worker has begun it by then. */
  expires_at: z.int().nullable(),
  /**
   * Its place in line while it is queued: how many are begun before it, plus one, as things stand, and when it will begin at the pace
   * of the last minute. Null when it is not in line; no estimate where that minute saw no start.
   */
  queue: z.object({ position: z.int(), estimated_start_at: z.int().nullable() }).nullable(),
  /** How many times a worker has begun it. */
  attempts: z.int(),
  /** The adapter that served it; "sandbox" where a provider without a key was stood in for. */
  provider: z.string().nullable(),
  /** Milliseconds from submission to the first start (`queued`), from there to the ending (`ran`), and both (`total`). */
  timings_ms: z.object({ queued: z.int().optional(), ran: z.int().optional(), total: z.int().optional() }),
  /** Millionths of a dollar, for what was delivered. Null until it ends, and where a price is missing. */
  cost: z.int().nullable(),
  metadata: z.record(z.string(), z.string()),
  batch_id: z.string().nullable(),
  request: openImageRequestSchema,
  response: imageResponseSchema.nullable(),
  /** Which images did not come, and why. Absent where all came, or none. */
  missing: z.array(missingImageSchema).optional(),
  error: errorObjectSchema.nullable(),
});
export type Generation = z.infer<typeof generationSchema>;
