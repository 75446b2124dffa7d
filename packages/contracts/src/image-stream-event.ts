import { z } from "zod";
import { usageSchema } from "./image-response.ts";

const picture = {
  /** The picture in base64; absent where the caller asked for `response_format: "url"`. */
  b64_json: z.string().optional(),
  /** Ours: a link to the picture, alone where the caller asked for `response_format: "url"`, or beside its base64. */
  url: z.string().optional(),
  /** Unix time in seconds: when it came, or when the generation ended. */
  created_at: z.int(),
  /** The size that was measured, `1024x1024`. */
  size: z.string(),
  /** `auto` where the model has a word of its own for it. */
  quality: z.string(),
  background: z.string(),
  output_format: z.string(),
};

/** An unfinished version of an image, while it is being drawn. With several images each has its own, told apart by nothing: as OpenAI's. */
const imagePartialEventSchema = z.object({
  type: z.literal("image_generation.partial_image"),
  ...picture,
  /** Which version of its image it is, from 0. */
  partial_image_index: z.int(),
});
export type ImagePartialEvent = z.infer<typeof imagePartialEventSchema>;

/** A finished image: one event for each, in the order of the images. The `usage` of all of them adds up to the generation's. */
const imageCompletedEventSchema = z.object({
  type: z.literal("image_generation.completed"),
  ...picture,
  /** All zeros of a model that counts no tokens, and where the upstream has not told them. */
  usage: usageSchema,
  safety_identifier: z.string().optional(),
});
export type ImageCompletedEvent = z.infer<typeof imageCompletedEventSchema>;

/** What `POST /v1/images/generations` answers with `stream: true`: OpenAI's server-sent events, each named by its `type`. */
export const imageStreamEventSchema = z.discriminatedUnion("type", [
  imagePartialEventSchema,
  imageCompletedEventSchema,
]);
export type ImageStreamEvent = z.infer<typeof imageStreamEventSchema>;
