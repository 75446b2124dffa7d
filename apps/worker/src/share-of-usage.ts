import type { Usage } from "@darkroom/contracts";

/** The tokens of a call that fall to some of its images, each number rounded down. */
export function shareOfUsage(usage: Usage, some: number, all: number): Usage {
  if (some === all) return usage;
  const part = (tokens: number) => Math.floor((tokens * some) / all);
  const parts = ({ text_tokens, image_tokens }: Usage["input_tokens_details"]) => ({
    text_tokens: part(text_tokens),
    image_tokens: part(image_tokens),
  });
  const [input, output] = [part(usage.input_tokens), part(usage.output_tokens)];
  return {
    prompt_tokens: part(usage.prompt_tokens),
    input_tokens: input,
    output_tokens: output,
    total_tokens: input + output,
    input_tokens_details: parts(usage.input_tokens_details),
    ...(usage.output_tokens_details && { output_tokens_details: parts(usage.output_tokens_details) }),
  };
}
