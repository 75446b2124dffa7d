import type { Usage } from "./image-response.ts";

/**
 * The tokens of several calls, or images, together; undefined where those of one are not known: the rest would be billed as if it were all.
 * An image has output tokens, so a call that reports none beside calls that report some has not counted them.
 */
export function sumOfUsages(usages: readonly (Usage | undefined)[]): Usage | undefined {
  const known = usages.filter((usage) => usage !== undefined);
  const counted = known.filter(({ output_tokens }) => output_tokens > 0);
  const isPartly = counted.length > 0 && counted.length < known.length;
  return known.length < usages.length || known.length === 0 || isPartly
    ? undefined
    : known.reduce((sum, usage) => addUsage(sum, usage));
}

/** The tokens of two calls together: each was billed. */
export function addUsage(a: Usage, b: Usage): Usage {
  const isSplit = (a.output_tokens_details ?? b.output_tokens_details) !== undefined;
  const cached = addTokens(splitCached(a), splitCached(b));
  return {
    prompt_tokens: a.prompt_tokens + b.prompt_tokens,
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
    input_tokens_details: {
      ...addTokens(a.input_tokens_details, b.input_tokens_details),
      ...(isCacheTold(a, b) && {
        cached_tokens: cached.text_tokens + cached.image_tokens,
        cached_tokens_details: cached,
      }),
    },
    ...(isSplit && { output_tokens_details: addTokens(splitOutput(a), splitOutput(b)) }),
  };
}

type Tokens = { text_tokens: number; image_tokens: number };

/** What output tokens went into. A call that does not split them has drawn with all of them. */
export const splitOutput = ({ output_tokens, output_tokens_details }: Usage): Tokens =>
  output_tokens_details ?? { text_tokens: 0, image_tokens: output_tokens };

/**
 * Which of the input tokens were cached. A number that does not say which, beside images, or more than there were input tokens, is no
 * number: the tokens are then billed in full, as the provider may have billed them.
 */
export function splitCached({ input_tokens_details: input }: Usage): Tokens {
  const { cached_tokens: all = 0, cached_tokens_details: split } = input;
  const cached = split ?? (input.image_tokens === 0 ? { text_tokens: all, image_tokens: 0 } : none);
  return cached.text_tokens <= input.text_tokens && cached.image_tokens <= input.image_tokens ? cached : none;
}

const none: Tokens = { text_tokens: 0, image_tokens: 0 };

const isCacheTold = (...usages: Usage[]) =>
  usages.some(({ input_tokens_details: input }) => (input.cached_tokens_details ?? input.cached_tokens) !== undefined);

const addTokens = (a: Tokens, b: Tokens): Tokens => ({
  text_tokens: a.text_tokens + b.text_tokens,
  image_tokens: a.image_tokens + b.image_tokens,
});
