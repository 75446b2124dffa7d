type Tokens = { text_tokens: number; image_tokens: number };

/** A usage as callers are told it. `total_tokens` is the sum of the two where it is left out here, and `prompt_tokens` the input. */
type Told = {
  input_tokens: number;
  output_tokens: number;
  total_tokens?: number;
  input_tokens_details: Tokens & { cached_tokens?: number; cached_tokens_details?: Tokens };
  output_tokens_details?: Tokens;
};

/** What an upstream answers to one call, and what comes of it. */
export type UsageCase = {
  name: string;
  /** Images that are asked for; 1 when left out. */
  asked?: number;
  /** Images that come; as many as are asked for when left out. */
  came?: number;
  /** How many of those that come, from the end, are no images; none when left out. */
  broken?: number;
  /** The `usage` of the answer. A list: the answer is a stream, and its events have these, one each. */
  usage: unknown;
  /** Further fields of the answer. */
  fields?: Record<string, unknown>;
  /** The usage that the caller is told; undefined: none. */
  told: Told | undefined;
  /** What the tenant is billed, and what the provider takes, in micros; null: not known. */
  billed: number | null;
  provider: number | null;
};

/** What 1,000 tokens cost the tenants in all cases, in micros. */
export const usageCasePrices = {
  textInput: 5_000,
  cachedTextInput: 1_250,
  imageInput: 8_000,
  cachedImageInput: 2_000,
  textOutput: 10_000,
  imageOutput: 30_000,
};
/** And what the provider takes for them. */
export const usageCaseProviderPrices = { textInput: 1_000, imageInput: 2_000, textOutput: 4_000, imageOutput: 10_000 };

const eight: Told = {
  input_tokens: 8,
  output_tokens: 1_000,
  input_tokens_details: { text_tokens: 8, image_tokens: 0 },
};
/** 8 × 5 + 1,000 × 30, and 8 × 1 + 1,000 × 10. */
const whole = { billed: 30_040, provider: 10_008 };
const unknown = { told: undefined, billed: null, provider: null };

const split = (text: number, image: number): Tokens => ({ text_tokens: text, image_tokens: image });

/** The table of what upstreams report, and what is told and billed for it. Each adapter and the bill read it. */
export const usageCases: readonly UsageCase[] = [
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
  {
    name: "one asked for, eight came",
    came: 8,
    usage: { input_tokens: 8, output_tokens: 8_000 },
    told: eight,
    billed: 30_040,
    provider: 80_008,
  },
  {
    name: "two came, one of them broken",
    asked: 2,
    broken: 1,
    usage: { input_tokens: 8, output_tokens: 2_000, output_tokens_details: split(201, 1_799) },
    told: { ...eight, output_tokens_details: split(101, 899) },
    billed: 40 + 1_010 + 26_970,
    provider: 8 + 804 + 17_990,
  },
  {
    name: "three asked for, two came: the third may be on the provider's bill",
    asked: 3,
    came: 2,
    usage: { input_tokens: 8, output_tokens: 2_000 },
    told: { ...eight, output_tokens: 2_000 },
    billed: 60_040,
    provider: 30_008,
  },
  {
    name: "a stream with a usage for each image",
    asked: 2,
    usage: [
      { input_tokens: 8, output_tokens: 1_000 },
      { input_tokens: 0, output_tokens: 1_000 },
    ],
    told: { ...eight, output_tokens: 2_000 },
    billed: 60_040,
    provider: 20_008,
  },
  {
    name: "a stream whose second event has no usage",
    asked: 2,
    usage: [{ input_tokens: 8, output_tokens: 1_000 }, undefined],
    ...unknown,
  },
  {
    name: "a stream whose first event has no usage",
    asked: 2,
    usage: [null, { input_tokens: 8, output_tokens: 1_000 }],
    ...unknown,
  },
  {
    name: "a stream whose second event counts no output tokens, which an image always has",
    asked: 2,
    usage: [
      { input_tokens: 8, output_tokens: 1_000 },
      { input_tokens: 8, output_tokens: 0 },
    ],
    ...unknown,
  },
  {
    name: "a stream whose first event counts no output tokens",
    asked: 2,
    usage: [
      { input_tokens: 8, output_tokens: 0 },
      { input_tokens: 8, output_tokens: 1_000 },
    ],
    ...unknown,
  },
  {
    name: "a stream of which one image came",
    asked: 2,
    usage: [{ input_tokens: 8, output_tokens: 1_000 }],
    told: eight,
    billed: 30_040,
    provider: 20_008,
  },
  {
    name: "a stream whose second image is broken",
    asked: 2,
    broken: 1,
    usage: [
      { input_tokens: 8, output_tokens: 1_000 },
      { input_tokens: 0, output_tokens: 1_000 },
    ],
    told: eight,
    billed: 30_040,
    provider: 20_008,
  },
];
