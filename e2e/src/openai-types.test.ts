import {
  batchSchema,
  fileSchema,
  filePurposes,
  imageRequestSchema,
  imageResponseSchema,
  imageStreamEventSchema,
  otherFilePurposes,
} from "@darkroom/contracts";
import { loadCatalogue, resolveRequest } from "@darkroom/models";
import type OpenAI from "openai";
import { describe, expect, test } from "vitest";

/*
 * What the newest SDK of OpenAI's knows of a text-to-image request and its answer. Each list below has exactly what its type has: with a
 * new version of `openai` the type check fails for what is new, and names it.
 */

type Params = OpenAI.Images.ImageGenerateParamsStreaming;
// `NonNullable` would make the known sizes one with any text.
type Values<Name extends keyof Params> = Exclude<Params[Name], null | undefined | boolean | number | object>;
/** The members of a union of texts without the one that stands for any text. */
type Known<Text extends string> = Text extends Text ? (string extends Text ? never : Text) : never;
type Listed<Names extends PropertyKey> = Record<Names, true>;
type Completed = OpenAI.Images.ImageGenCompletedEvent;
type Partial = OpenAI.Images.ImageGenPartialImageEvent;

const modelNames = {
  "gpt-image-1": true,
  "gpt-image-1-mini": true,
  "gpt-image-1.5": true,
  "chatgpt-image-latest": true,
  "gpt-image-2": true,
  "gpt-image-2-2026-04-21": true,
  "gpt-image-2.5-flare": true,
  "gpt-image-2.5-flare-2026-09-08": true,
  "gpt-image-2.5-sunburst": true,
  "gpt-image-2.5-sunburst-2026-09-08": true,
  "gpt-image-2.6-flare": true,
  "gpt-image-2.6-sunburst": true,
  "dall-e-2": true,
  "dall-e-3": true,
} satisfies Listed<Known<OpenAI.Images.ImageModel>>;

const requestFields = {
  prompt: true,
  background: true,
  complexity: true,
  frame_count: true,
  frame_duration_ms: true,
  model: true,
  moderation: true,
  n: true,
  output_compression: true,
  output_format: true,
  partial_images: true,
  quality: true,
  response_format: true,
  safety_identifier: true,
  size: true,
  stream: true,
  style: true,
  svg: true,
  user: true,
} satisfies Listed<keyof Params>;

/** The values of a field, and a model that takes all of them or each of them. */
const values = {
  background: { transparent: true, opaque: true, auto: true } satisfies Listed<Values<"background">>,
  complexity: { low: true, medium: true, high: true } satisfies Listed<Values<"complexity">>,
  moderation: { low: true, auto: true } satisfies Listed<Values<"moderation">>,
  output_format: { png: true, webp: true, jpeg: true, gif: true, svg: true } satisfies Listed<Values<"output_format">>,
  quality: {
    low: true,
    medium: true,
    high: true,
    xhigh: true,
    max: true,
    auto: true,
    standard: true,
    hd: true,
  } satisfies Listed<Values<"quality">>,
  size: {
    auto: true,
    "1024x1024": true,
    "1536x1024": true,
    "1024x1536": true,
    "256x256": true,
    "512x512": true,
    "1792x1024": true,
    "1024x1792": true,
  } satisfies Listed<Known<Values<"size">>>,
  style: { vivid: true, natural: true } satisfies Listed<Values<"style">>,
};

type Effort = NonNullable<NonNullable<NonNullable<Params["svg"]>["reasoning"]>["effort"]>;
const efforts = {
  none: true,
  minimal: true,
  low: true,
  medium: true,
  high: true,
  xhigh: true,
  max: true,
} satisfies Listed<Effort>;

const answerFields = {
  created: true,
  background: true,
  data: true,
  output_format: true,
  quality: true,
  safety_identifier: true,
  size: true,
  svg_usage: true,
  usage: true,
} satisfies Listed<keyof OpenAI.Images.ImagesResponse>;
const imageFields = { b64_json: true, revised_prompt: true, url: true } satisfies Listed<keyof OpenAI.Images.Image>;
const usageFields = {
  input_tokens: true,
  input_tokens_details: true,
  output_tokens: true,
  output_tokens_details: true,
  total_tokens: true,
} satisfies Listed<keyof OpenAI.Images.ImagesResponse.Usage>;

const pictureFields = {
  type: true,
  b64_json: true,
  background: true,
  created_at: true,
  output_format: true,
  quality: true,
  size: true,
} as const;
const completedFields = { ...pictureFields, usage: true, safety_identifier: true } satisfies Listed<keyof Completed>;
const partialFields = { ...pictureFields, partial_image_index: true } satisfies Listed<keyof Partial>;

const batchFields = {
  id: true,
  object: true,
  endpoint: true,
  model: true,
  errors: true,
  input_file_id: true,
  completion_window: true,
  status: true,
  output_file_id: true,
  error_file_id: true,
  created_at: true,
  in_progress_at: true,
  expires_at: true,
  finalizing_at: true,
  completed_at: true,
  failed_at: true,
  expired_at: true,
  cancelling_at: true,
  cancelled_at: true,
  request_counts: true,
  usage: true,
  metadata: true,
} satisfies Listed<keyof OpenAI.Batches.Batch>;

const purposes = {
  assistants: true,
  assistants_output: true,
  batch: true,
  batch_output: true,
  evals: true,
  "fine-tune": true,
  "fine-tune-results": true,
  user_data: true,
  vision: true,
} satisfies Listed<OpenAI.Files.FileObject["purpose"] | OpenAI.Files.FilePurpose>;

const fileFields = {
  id: true,
  object: true,
  bytes: true,
  created_at: true,
  expires_at: true,
  filename: true,
  purpose: true,
  status: true,
  // Deprecated, and of fine-tuning files only.
  status_details: true,
} satisfies Listed<keyof OpenAI.Files.FileObject>;

const missingFrom = (shape: object, fields: object) =>
  Object.keys(fields).filter((name) => !Object.hasOwn(shape, name));

const catalogue = loadCatalogue();
const takes = (request: object) => {
  try {
    resolveRequest(catalogue, imageRequestSchema.parse({ prompt: "a cat", ...request }));
    return true;
  } catch {
    return false;
  }
};

describe("of a request", () => {
  test.each(Object.keys(modelNames))("the model %s is known", (name) => {
    expect(catalogue.find(name)).toBeDefined();
  });

  test("every field is known", () => {
    expect(missingFrom(imageRequestSchema.shape, requestFields)).toEqual([]);
  });

  const all = Object.entries(values).flatMap(([field, those]) => Object.keys(those).map((value) => ({ field, value })));
  test.each(all)("$field $value is taken by a model", ({ field, value }) => {
    const takers = catalogue.models.filter(({ id }) => takes({ model: id, [field]: value }));
    expect(takers).not.toEqual([]);
  });

  test.each(Object.keys(efforts))("an SVG's author may think with effort %s", (effort) => {
    const svg = { model: "gpt-5.6", reasoning: { effort } };
    expect(imageRequestSchema.parse({ prompt: "a cat", svg }).svg).toEqual(svg);
  });
});

describe("of an answer, every field is known", () => {
  const [partial, completed] = imageStreamEventSchema.options;
  test.each([
    ["the images", imageResponseSchema.shape, answerFields],
    ["an image", imageResponseSchema.shape.data.element.shape, imageFields],
    ["its usage", imageResponseSchema.shape.usage.unwrap().shape, usageFields],
    ["a partial image", partial.shape, partialFields],
    ["a completed image", completed.shape, completedFields],
    ["a batch", batchSchema.shape, batchFields],
  ])("%s", (_what, shape, fields) => {
    expect(missingFrom(shape, fields)).toEqual([]);
  });

  test("a file", () => {
    expect(missingFrom(fileSchema.shape, fileFields)).toEqual(["status_details"]);
    expect([...filePurposes, ...otherFilePurposes].toSorted()).toEqual(Object.keys(purposes).toSorted());
  });
});
