import type { Usage } from "./image-response.ts";

/** The tokens of two calls together: each was billed. */
export function addUsage(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const none = { text_tokens: 0, image_tokens: 0 };
  const output = a.output_tokens_details ?? b.output_tokens_details;
  return {
    prompt_tokens: a.prompt_tokens + b.prompt_tokens,
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
    input_tokens_details: addTokens(a.input_tokens_details, b.input_tokens_details),
    ...(output && {
      output_tokens_details: addTokens(a.output_tokens_details ?? none, b.output_tokens_details ?? none),
    }),
  };
}

type Tokens = Usage["input_tokens_details"];

const addTokens = (a: Tokens, b: Tokens): Tokens => ({
  text_tokens: a.text_tokens + b.text_tokens,
  image_tokens: a.image_tokens + b.image_tokens,
});
