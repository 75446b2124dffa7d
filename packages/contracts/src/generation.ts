import { z } from "zod";
import { errorObjectSchema } from "./error-body.ts";
import { imageRequestSchema } from "./image-request.ts";
import { imageResponseSchema } from "./image-response.ts";

const generationStatuses = ["queued", "running", "succeeded", "failed", "canceled", "expired"] as const;
export type GenerationStatus = (typeof generationStatuses)[number];

/** The statuses from which nothing moves on its own: an ending. */
export const endings = ["succeeded", "failed", "canceled", "expired"] as const satisfies readonly GenerationStatus[];
export type Ending = (typeof endings)[number];

export const isEnding = (status: string): status is Ending => (endings as readonly string[]).includes(status);

/** What `GET /v1/generations/{id}` shows. Times are Unix seconds, money is integer millionths of a dollar. */
export const generationSchema = z.object({
  id: z.string(),
  object: z.literal("generation"),
  status: z.enum(generationStatuses),
  model: z.string(),
  created_at: z.int(),
  started_at: z.int().nullable(),
  completed_at: z.int().nullable(),
  expires_at: z.int().nullable(),
  /** How many times a worker has begun it. */
  attempts: z.int(),
  /** The adapter that served it; "sandbox" where a provider without a key was stood in for. */
  provider: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  request: imageRequestSchema,
  response: imageResponseSchema.nullable(),
  error: errorObjectSchema.nullable(),
});
export type Generation = z.infer<typeof generationSchema>;
