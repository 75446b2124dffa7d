import { eight, split, unknown, type UsageCase, whole } from "./usage-case.ts";
import { usagesOfSeveralImages } from "./usages-of-several-images.ts";

/** How upstreams word the usage of one image. */
const wordings: readonly UsageCase[] = [
  { name: "the words of the Images API", usage: { input_tokens: 8, output_tokens: 1_000 }, told: eight, ...whole },
  {
    name: "the words of the Images API with all their details",
    usage: {
      input_tokens: 18,
      output_tokens: 1_000,
      total_tokens: 1_018,
      input_tokens_details: split(8, 10),
      output_tokens_details: split(100, 900),
    },
    told: {
      input_tokens: 18,
      output_tokens: 1_000,
      input_tokens_details: split(8, 10),
      output_tokens_details: split(100, 900),
    },
    billed: 40 + 80 + 1_000 + 27_000,
    provider: 8 + 20 + 400 + 9_000,
  },
  {
    name: "chat words",
    usage: { prompt_tokens: 8, completion_tokens: 1_000, total_tokens: 1_008, prompt_tokens_details: null },
    told: eight,
    ...whole,
  },
  {
    name: "chat words with their details",
    usage: {
      prompt_tokens: 8,
      completion_tokens: 1_000,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: { image_tokens: 900, reasoning_tokens: 100 },
    },
    told: { ...eight, output_tokens_details: split(100, 900) },
    billed: 40 + 1_000 + 27_000,
    provider: 8 + 400 + 9_000,
  },
  {
    name: "both namings, zeros in the words of the Images API",
    usage: {
      input_tokens: 0,
      output_tokens: 0,
      prompt_tokens: 8,
      completion_tokens: 1_000,
      total_tokens: 1_008,
      input_tokens_details: split(0, 0),
      prompt_tokens_details: split(8, 0),
    },
    told: eight,
    ...whole,
  },
  {
    name: "both namings, zeros in chat words",
    usage: { input_tokens: 8, output_tokens: 1_000, prompt_tokens: 0, completion_tokens: 0 },
    told: eight,
    ...whole,
  },
  {
    name: "details of zeros beside a total",
    usage: {
      input_tokens: 8,
      output_tokens: 1_000,
      input_tokens_details: split(0, 0),
      output_tokens_details: split(0, 0),
    },
    told: eight,
    ...whole,
  },
  {
    name: "details that are more than their total",
    usage: {
      input_tokens: 8,
      output_tokens: 1_000,
      input_tokens_details: split(8, 8),
      output_tokens_details: split(900, 900),
    },
    told: eight,
    ...whole,
  },
  {
    name: "half of the details: the rest is of the other kind",
    usage: {
      input_tokens: 18,
      output_tokens: 1_000,
      input_tokens_details: { text_tokens: 8 },
      output_tokens_details: { text_tokens: 100 },
    },
    told: {
      input_tokens: 18,
      output_tokens: 1_000,
      input_tokens_details: split(8, 10),
      output_tokens_details: split(100, 900),
    },
    billed: 40 + 80 + 1_000 + 27_000,
    provider: 8 + 20 + 400 + 9_000,
  },
  {
    name: "half of the details, and that a zero, says nothing",
    usage: {
      input_tokens: 8,
      output_tokens: 1_000,
      input_tokens_details: { text_tokens: 0 },
      output_tokens_details: { text_tokens: 0, reasoning_tokens: 0 },
    },
    told: eight,
    ...whole,
  },
  {
    name: "unreadable details",
    usage: {
      input_tokens: 8,
      output_tokens: 1_000,
      input_tokens_details: "none",
      output_tokens_details: { text_tokens: -1 },
    },
    told: eight,
    ...whole,
  },
  {
    name: "thoughts counted beside the text of the output",
    usage: {
      input_tokens: 8,
      output_tokens: 1_000,
      output_tokens_details: { text_tokens: 20, reasoning_tokens: 80, image_tokens: 900 },
    },
    told: { ...eight, output_tokens_details: split(100, 900) },
    billed: 40 + 1_000 + 27_000,
    provider: 8 + 400 + 9_000,
  },
  {
    name: "a total and the input: the output is the rest",
    usage: { prompt_tokens: 8, total_tokens: 1_008 },
    told: eight,
    ...whole,
  },
  {
    name: "a total above its parts, which is told and not billed",
    usage: { input_tokens: 8, output_tokens: 1_000, total_tokens: 1_100 },
    told: { ...eight, total_tokens: 1_100 },
    ...whole,
  },
  {
    name: "cached text",
    usage: {
      input_tokens: 18,
      output_tokens: 1_000,
      input_tokens_details: { ...split(8, 10), cached_tokens: 14, cached_tokens_details: split(4, 10) },
    },
    told: {
      input_tokens: 18,
      output_tokens: 1_000,
      input_tokens_details: { ...split(8, 10), cached_tokens: 14, cached_tokens_details: split(4, 10) },
    },
    // 4 × 5 + 4 × 1.25 + 10 × 2. The provider has no price of its own for what it had cached.
    billed: 20 + 5 + 20 + 30_000,
    provider: 8 + 20 + 10_000,
  },
  {
    name: "cached text in chat words",
    usage: { prompt_tokens: 8, completion_tokens: 1_000, prompt_tokens_details: { cached_tokens: 4 } },
    told: { ...eight, input_tokens_details: { ...split(8, 0), cached_tokens: 4 } },
    billed: 20 + 5 + 30_000,
    provider: 10_008,
  },
  {
    name: "cached tokens beside the details, in the words of the Responses API",
    usage: {
      input_tokens: 18,
      output_tokens: 1_000,
      input_tokens_details: split(8, 10),
      cached_tokens: 14,
      cached_tokens_details: { cached_text_tokens: 4, cached_image_tokens: 10 },
    },
    told: {
      input_tokens: 18,
      output_tokens: 1_000,
      input_tokens_details: { ...split(8, 10), cached_tokens: 14, cached_tokens_details: split(4, 10) },
    },
    billed: 20 + 5 + 20 + 30_000,
    provider: 8 + 20 + 10_000,
  },
  {
    name: "cached tokens whose details are zeros",
    usage: {
      input_tokens: 8,
      output_tokens: 1_000,
      input_tokens_details: { cached_tokens: 4, cached_tokens_details: split(0, 0) },
    },
    told: { ...eight, input_tokens_details: { ...split(8, 0), cached_tokens: 4 } },
    billed: 20 + 5 + 30_000,
    provider: 10_008,
  },
  {
    name: "more cached tokens than there were",
    usage: { input_tokens: 8, output_tokens: 1_000, input_tokens_details: { cached_tokens: 9 } },
    told: eight,
    ...whole,
  },
  { name: "no usage", usage: undefined, ...unknown },
  { name: "a usage that is null", usage: null, ...unknown },
  { name: "a usage that is a list", usage: { 0: 1 }, ...unknown },
  { name: "the input alone", usage: { input_tokens: 8 }, ...unknown },
  { name: "zeros in both namings", usage: { input_tokens: 0, output_tokens: 0, completion_tokens: 0 }, ...unknown },
  { name: "a number that no image has", usage: { input_tokens: 8, output_tokens: 9_007_199_254_740_000 }, ...unknown },
  {
    name: "no output tokens, which an image always has",
    usage: { input_tokens: 8, output_tokens: 0 },
    told: { ...eight, output_tokens: 0 },
    billed: null,
    provider: null,
  },
  {
    name: "an empty quality",
    fields: { quality: "" },
    usage: { input_tokens: 8, output_tokens: 1_000 },
    told: eight,
    ...whole,
  },
];

/** The table of what upstreams report, and what is told and billed for it. Each adapter and the bill read it. */
export const usageCases: readonly UsageCase[] = [...wordings, ...usagesOfSeveralImages];
