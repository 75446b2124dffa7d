import type { SvgUsage, Usage } from "@darkroom/contracts";
import { z } from "zod";

/** Ten images have at most ten million tokens. A count above that is none, and must not become a bill. What cannot be read is absent. */
const count = z.int().min(0).max(10_000_000).optional().catch(undefined);

const cachedDetails = z
  .object({ text_tokens: count, image_tokens: count, cached_text_tokens: count, cached_image_tokens: count })
  .catch({});

const details = z
  .object({
    text_tokens: count,
    image_tokens: count,
    reasoning_tokens: count,
    cached_tokens: count,
    cached_tokens_details: cachedDetails,
  })
  .catch({ cached_tokens_details: {} });
type Details = z.output<typeof details>;

/** The words of the Images API, those of chat completions, and what OpenAI's Responses API tells beside the details. */
const usageSchema = z.object({
  input_tokens: count,
  prompt_tokens: count,
  output_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  input_tokens_details: details,
  prompt_tokens_details: details,
  output_tokens_details: details,
  completion_tokens_details: details,
  cached_tokens: count,
  cached_tokens_details: cachedDetails,
});

type Tokens = { text_tokens: number; image_tokens: number };

/**
 * Reads the `usage` of an upstream that speaks OpenAI's format, in any of the spellings that servers send. Numbers that contradict each
 * other are not believed: details that do not add up to their total are no details, and a zero beside a number of the other naming is
 * what a server sends that fills in only one. Undefined where the numbers of input and output tokens are not both known: a half would be
 * billed as if it were all.
 */
export function readUsage(value: unknown): Usage | undefined {
  const told = usageSchema.safeParse(value).data;
  if (told === undefined) return undefined;
  const { input_tokens_details, prompt_tokens_details, output_tokens_details, completion_tokens_details } = told;
  const ofInput = [input_tokens_details, prompt_tokens_details];
  const ofOutput = [output_tokens_details, completion_tokens_details];
  const numbers = {
    input: told.input_tokens || told.prompt_tokens || sumOf(ofInput),
    output: told.output_tokens || told.completion_tokens || sumOf(ofOutput),
  };
  const total = told.total_tokens ?? 0;
  const output = numbers.output || restOf(total, numbers.input) || (told.output_tokens ?? told.completion_tokens);
  const input = numbers.input || restOf(total, output) || (told.input_tokens ?? told.prompt_tokens);
  if (input === undefined || output === undefined || input + output === 0) return undefined;

  const split = splitOf(input, ofInput) ?? { text_tokens: input, image_tokens: 0 };
  const outputSplit = splitOf(output, ofOutput);
  return {
    prompt_tokens: input,
    input_tokens: input,
    output_tokens: output,
    total_tokens: Math.max(total, input + output),
    input_tokens_details: { ...split, ...cachedOf(input, [...ofInput, told]) },
    ...(outputSplit && { output_tokens_details: outputSplit }),
  };
}

const authorSchema = z.object({
  model: z.string().min(1).max(128).optional().catch(undefined),
  reasoning_tokens: count,
  output_tokens_details: details,
  completion_tokens_details: details,
});

/**
 * Reads the `svg_usage` of an upstream: the tokens of the model that wrote an SVG, in the spellings of `usage`. What the author thought is a
 * part of its output. Undefined where the numbers, or whose they are, cannot be told.
 * @param asked the author that the request named, for an upstream that does not say who it was
 */
export function readSvgUsage(value: unknown, asked: string | undefined): SvgUsage | undefined {
  const usage = readUsage(value);
  const told = authorSchema.safeParse(value).data;
  const model = told?.model ?? asked;
  if (usage === undefined || told === undefined || model === undefined) return undefined;
  const { output_tokens_details: ofOutput, completion_tokens_details: ofCompletion } = told;
  const thought = told.reasoning_tokens ?? ofOutput.reasoning_tokens ?? ofCompletion.reasoning_tokens ?? 0;
  return {
    model,
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    reasoning_tokens: Math.min(thought, usage.output_tokens),
    total_tokens: usage.input_tokens + usage.output_tokens,
  };
}

const restOf = (total: number, part: number | undefined): number | undefined =>
  part !== undefined && total > part ? total - part : undefined;

/** What details that name both kinds add up to. */
const sumOf = (candidates: readonly Details[]): number | undefined =>
  candidates
    .map(({ text_tokens, image_tokens }) =>
      text_tokens === undefined || image_tokens === undefined ? undefined : text_tokens + image_tokens,
    )
    .find((sum) => sum);

/** The first of several details that adds up to the total. One that names only one kind leaves the rest to the other. */
function splitOf(total: number, candidates: readonly Partial<Details>[]): Tokens | undefined {
  return candidates.map((each) => splitBy(total, each)).find((split) => split !== undefined);
}

function splitBy(
  total: number,
  { text_tokens: text, image_tokens: image, reasoning_tokens: reasoning = 0 }: Partial<Details>,
): Tokens | undefined {
  if (text !== undefined && image !== undefined) {
    if (text + image === total) return { text_tokens: text, image_tokens: image };
    // Some servers count what a model has thought beside the text that it wrote, others in it.
    return text + reasoning + image === total ? { text_tokens: text + reasoning, image_tokens: image } : undefined;
  }
  const half = text || image;
  if (!half || half > total) return undefined;
  return text ? { text_tokens: text, image_tokens: total - text } : { text_tokens: total - half, image_tokens: half };
}

type Cached = Pick<Usage["input_tokens_details"], "cached_tokens" | "cached_tokens_details">;

/** How much of the input came from a cache, by the first place that tells of any. */
function cachedOf(input: number, places: readonly Pick<Details, "cached_tokens" | "cached_tokens_details">[]): Cached {
  for (const { cached_tokens: told = 0, cached_tokens_details: words } of places) {
    const text = words.text_tokens || words.cached_text_tokens;
    const image = words.image_tokens || words.cached_image_tokens;
    const all = told || (text ?? 0) + (image ?? 0);
    if (all === 0 || all > input) continue;
    const split = splitBy(all, { text_tokens: text, image_tokens: image });
    return { cached_tokens: all, ...(split && { cached_tokens_details: split }) };
  }
  return {};
}
