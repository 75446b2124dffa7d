import type { Usage } from "./image-response.ts";

/** The tokens of two calls together: each was billed. */
export function addUsage(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const isSplit = (a.output_tokens_details ?? b.output_tokens_details) !== undefined;
  return {
    prompt_tokens: a.prompt_tokens + b.prompt_tokens,
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
    input_tokens_details: addTokens(a.input_tokens_details, b.input_tokens_details),
    ...(isSplit && { output_tokens_details: addTokens(splitOutput(a), splitOutput(b)) }),
  };
}

type Tokens = Usage["input_tokens_details"];

/** What output tokens went into. A call that does not split them has drawn with all of them. */
export const splitOutput = ({ output_tokens, output_tokens_details }: Usage): Tokens =>
  output_tokens_details ?? { text_tokens: 0, image_tokens: output_tokens };

const addTokens = (a: Tokens, b: Tokens): Tokens => ({
  text_tokens: a.text_tokens + b.text_tokens,
  image_tokens: a.image_tokens + b.image_tokens,
});
