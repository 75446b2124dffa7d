import { z } from "zod";
import { endings } from "./ending.ts";
import { boundedEntries, hasAtMost } from "./bounded-entries.ts";
import { optional } from "./optional.ts";

/** A caller's own pairs, given back as they came: OpenAI's limits for `metadata`. */
export const metadataSchema = boundedEntries(16, "must have at most 16 pairs")
  // zod leaves this key out without a word, and nothing that a caller sends may get lost.
  .refine((pairs) => !Object.hasOwn(Object(pairs), "__proto__"), "must not have the key '__proto__'")
  .pipe(z.record(z.string().max(64, "a key has at most 64 characters"), z.string().max(512)));

/** Of which endings a webhook is to tell. Counted first: each could be named once, and a caller may send any number. */
export const webhookEventsOf = <const Endings extends readonly [string, ...string[]]>(all: Endings) =>
  boundedEntries(all.length, `it may have at most ${all.length} entries`).pipe(z.array(z.enum(all)).min(1));

/** Who writes the SVG, and how long it thinks. OpenAI's form. */
const svgOptionsSchema = z.strictObject({
  model: z.string().min(1).max(128),
  reasoning: optional(
    z.strictObject({ effort: optional(z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])) }),
  ),
});

/**
 * What is drawn: the part of a request that a provider sees. Only the shape is checked here; what each model takes is the
 * catalogue's business (`@darkroom/models`).
 */
const imageParameters = {
  /** Limited per model, counted in Unicode code points. */
  prompt: z
    .string()
    .min(1)
    .refine((prompt) => prompt.isWellFormed(), "must be well-formed Unicode, without half a surrogate pair"),
  /** A series of Ark's may have fifteen images; a request asks for ten at most. */
  n: optional(z.int().min(1).max(15)),
  size: optional(z.string()),
  quality: optional(z.string()),
  style: optional(z.string()),
  /** How much is planned before the image is rendered, apart from `quality`. */
  complexity: optional(z.string()),
  background: optional(z.string()),
  moderation: optional(z.string()),
  output_format: optional(z.string()),
  output_compression: optional(z.int().min(0).max(100)),
  /** Frames of a GIF. */
  frame_count: optional(z.int().min(2).max(16)),
  /** Milliseconds that each frame of a GIF is shown: a GIF cannot say more. */
  frame_duration_ms: optional(z.int().min(1).max(655_350)),
  svg: optional(svgOptionsSchema),
  seed: optional(z.int().min(-1).max(2_147_483_647)),
  guidance_scale: optional(z.number().min(1).max(10)),
  watermark: optional(z.boolean()),
  /** Ark: `auto` lets the model draw a series of related images, as many as it sees fit. */
  sequential_image_generation: optional(z.string()),
  /** Ark: the longest series. It counts the images that were sent, too, and a generation sends none. */
  sequential_image_generation_options: optional(z.strictObject({ max_images: optional(z.int().min(1).max(15)) })),
  /** Ark: how the prompt is rewritten before the image is drawn. */
  optimize_prompt_options: optional(
    z.strictObject({
      thinking: optional(z.enum(["auto", "enabled", "disabled"])),
      mode: optional(z.enum(["standard", "fast"])),
    }),
  ),
  /** The caller's own user, passed upstream and recorded for abuse reports. 512 characters hold any id and keep records small. */
  user: optional(z.string().max(512)),
  /** OpenAI's successor of `user`, which counts where this is absent or empty. */
  safety_identifier: optional(z.string().max(512)),
};

/** How Darkroom handles the job: ours, not OpenAI's. */
const jobOptionsSchema = z.strictObject({
  /** Seconds the request may wait in the queue before it expires unstarted; at most a day. */
  expires_in: optional(z.int().min(1).max(86_400)),
  /** Given back with the generation. */
  metadata: optional(metadataSchema),
  /** Where to POST how it ended. Whether the address may be called is checked when the request is submitted, and at each call. */
  webhook: optional(z.url("must be an https URL").max(2_048)),
  /** Of which endings to tell; all of them when left out. */
  webhook_events: optional(webhookEventsOf(endings)),
});

/** The body of `POST /v1/images/generations`, as far as it is the same for every model. */
export const imageRequestSchema = z.strictObject({
  ...imageParameters,
  n: optional(z.int().min(1).max(10)),
  model: optional(z.string()),
  response_format: optional(z.enum(["url", "b64_json"])),
  /** Answer with OpenAI's server-sent events instead of one body. */
  stream: optional(z.boolean()),
  /** How many unfinished versions of each image to show on the way, with `stream`. */
  partial_images: optional(z.int().min(0).max(3)),
  job: optional(jobOptionsSchema),
});
export type ImageRequest = z.infer<typeof imageRequestSchema>;

/** A list of objects of plain values, which is the deepest that a model can declare. */
const customDepth = 2;

/** Whether a value nests no deeper than that. It never looks deeper: a megabyte of brackets would overflow the stack. */
const nestsAtMost = (depth: number, value: unknown): boolean =>
  typeof value !== "object" ||
  value === null ||
  (depth > 0 && Object.values(value).every((inner) => nestsAtMost(depth - 1, inner)));

/** A field that only some models may know. A null means "not sent", as in every other field. */
const customFieldSchema = z
  .unknown()
  .refine((value) => nestsAtMost(customDepth, value), "must not nest deeper than a list of objects")
  .transform((value) => value ?? undefined);

/** Four times the fields of a request: the rest are parameters that a model may declare. */
const maxFields = 128;

/**
 * The same with fields that are not known here, because a model may declare parameters of its own. The catalogue refuses those that
 * the request's model does not declare. A key called `__proto__` is refused here: a copy of the body would lose it without a word.
 */
export const openImageRequestSchema = z.preprocess((body, context) => {
  if (!hasAtMost(maxFields, body)) {
    context.addIssue({ code: "custom", input: body, message: `must have at most ${maxFields} fields` });
    return z.NEVER;
  }
  if (Object.hasOwn(Object(body), "__proto__")) {
    context.addIssue({ code: "unrecognized_keys", keys: ["__proto__"], input: Object(body), message: "unknown key" });
  }
  return body;
}, imageRequestSchema.catchall(customFieldSchema));

export const imageParametersSchema = z.object({
  ...imageParameters,
  /** Those that the model's catalogue entry declares, by the names that its upstream has for them. */
  custom: z.record(z.string(), z.unknown()).optional(),
});
export type ImageParameters = z.infer<typeof imageParametersSchema>;
export type ImageParameterName = keyof ImageParameters;
