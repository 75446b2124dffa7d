import { z } from "zod";
import type { Ending } from "./ending.ts";
import { generationSchema } from "./generation.ts";

/** One for each ending of a generation, as the Standard Webhooks specification names types. */
export const webhookEventTypes = [
  "generation.succeeded",
  "generation.failed",
  "generation.canceled",
  "generation.expired",
] as const satisfies readonly `generation.${Ending}`[];
export type WebhookEventType = (typeof webhookEventTypes)[number];

/** What is posted to a webhook (https://www.standardwebhooks.com): the generation as `GET` shows it, without image bytes. */
export const webhookEventSchema = z.object({
  type: z.enum(webhookEventTypes),
  /** When the generation ended, ISO 8601. Not when it was sent: that is the header `webhook-timestamp`. */
  timestamp: z.iso.datetime(),
  data: generationSchema.extend({
    /** What was shortened or left out to keep the event below 20 kB, as paths: `request.prompt`. Absent where nothing was. */
    truncated: z.array(z.string()).optional(),
  }),
});
export type WebhookEvent = z.infer<typeof webhookEventSchema>;
