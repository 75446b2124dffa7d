import type { Usage } from "@darkroom/contracts";

/**
 * Divides the tokens of a generation between its images, so that the parts add up to the whole: the first image has the input tokens, because
 * the prompt was read once; the output tokens are divided, with the remainder on the last image.
 */
export function divideUsage(usage: Usage, images: number): Usage[] {
  const { prompt_tokens, input_tokens, output_tokens, total_tokens, input_tokens_details, output_tokens_details } =
    usage;
  return Array.from({ length: images }, (_, image) => {
    const first = image === 0;
    const share = (tokens: number) => {
      const each = Math.floor(tokens / images);
      return image === images - 1 ? tokens - each * (images - 1) : each;
    };
    return {
      prompt_tokens: first ? prompt_tokens : 0,
      input_tokens: first ? input_tokens : 0,
      output_tokens: share(output_tokens),
      total_tokens: share(output_tokens) + (first ? total_tokens - output_tokens : 0),
      input_tokens_details: first ? input_tokens_details : { text_tokens: 0, image_tokens: 0 },
      ...(output_tokens_details && {
        output_tokens_details: {
          text_tokens: share(output_tokens_details.text_tokens),
          image_tokens: share(output_tokens_details.image_tokens),
        },
      }),
    };
  });
}
