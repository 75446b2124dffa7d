import { batchEndings, endings } from "@darkroom/contracts";
import { z } from "zod";

/** `dead`: given up, can be replayed. `off`: not sent, because the address said 410 before. */
export const webhookDeliveryStatuses = ["pending", "delivered", "dead", "off"] as const;

/** How a generation or a batch may have ended. */
export const toldEndingSchema = z.enum([...endings, ...batchEndings]);

const deliverySchema = z.object({
  /** Stays the same over all attempts: what a receiver tells repetitions by. */
  id: z.string(),
  tenant: z.string(),
  keyId: z.string(),
  /** What it tells of: a generation, or a batch. */
  generationId: z.string().optional(),
  batchId: z.string().optional(),
  /** The ending that is told of. */
  ending: toldEndingSchema,
  url: z.string().refine((url) => URL.canParse(url), "must be a URL"),
  /** What its slots are counted by: see `registrableHost`. A delivery of an older release has none. */
  origin: z.string().optional(),
  status: z.enum(webhookDeliveryStatuses),
  attempts: z.coerce.number().int(),
  createdAtMs: z.coerce.number().int(),
  /** When it is tried again, while it is pending. */
  nextAttemptAtMs: z.coerce.number().int().optional(),
  /** What came of the latest attempt, in a sentence. */
  lastAnswer: z.string().optional(),
});
export type WebhookDelivery = z.infer<typeof deliverySchema>;

/** Reads the hash of a delivery; null where there is none. */
export const decodeDelivery = (hash: Record<string, string>): WebhookDelivery | null =>
  hash["id"] === undefined ? null : deliverySchema.parse(hash);
