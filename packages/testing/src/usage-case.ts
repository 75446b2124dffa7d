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

export const eight: Told = {
  input_tokens: 8,
  output_tokens: 1_000,
  input_tokens_details: { text_tokens: 8, image_tokens: 0 },
};
/** What `eight` is billed at: 8 × 5 + 1,000 × 30, and 8 × 1 + 1,000 × 10. */
export const whole = { billed: 30_040, provider: 10_008 };
export const unknown = { told: undefined, billed: null, provider: null };

export const split = (text: number, image: number): Tokens => ({ text_tokens: text, image_tokens: image });
