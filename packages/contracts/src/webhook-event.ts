import { z } from "zod";
import { type BatchEnding, batchSchema } from "./batch.ts";
import type { Ending } from "./ending.ts";
import { generationSchema } from "./generation.ts";

/** One for each ending of a generation, as the Standard Webhooks specification names types. */
const generationEventTypes = [
  "generation.succeeded",
  "generation.failed",
  "generation.canceled",
  "generation.expired",
] as const satisfies readonly `generation.${Ending}`[];

/** One for each ending of a batch, by OpenAI's names. */
const batchEventTypes = [
  "batch.failed",
  "batch.completed",
  "batch.expired",
  "batch.cancelled",
] as const satisfies readonly `batch.${BatchEnding}`[];

const common = {
  /** When it ended, ISO 8601. Not when it was sent: that is the header `webhook-timestamp`. */
  timestamp: z.iso.datetime(),
};

const cut = {
  /** What was shortened or left out to keep the event below 20 kB, as paths: `request.prompt`. Absent where nothing was. */
  truncated: z.array(z.string()).optional(),
};

/** The generation as `GET` shows it, without image bytes. */
export const generationEventSchema = z.object({
  type: z.enum(generationEventTypes),
  ...common,
  data: generationSchema.extend(cut),
});
export type GenerationEvent = z.infer<typeof generationEventSchema>;

/** The batch as `GET` shows it. */
export const batchEventSchema = z.object({
  type: z.enum(batchEventTypes),
  ...common,
  data: batchSchema.extend(cut),
});
export type BatchEvent = z.infer<typeof batchEventSchema>;

/** What is posted to a webhook (https://www.standardwebhooks.com). */
export const webhookEventSchema = z.discriminatedUnion("type", [generationEventSchema, batchEventSchema]);
export type WebhookEvent = z.infer<typeof webhookEventSchema>;
