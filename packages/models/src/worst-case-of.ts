import { qualitiesOf, sizesOf } from "./image-choices.ts";
import { describeImage, anyOther, imagePrice } from "./image-price.ts";
import type { ResolvedRequest } from "./resolve-request.ts";
import { parseSize } from "./size-rule.ts";
import type { Terms } from "./terms.ts";

/** What the worst case goes by. A `ResolvedRequest` has it all. */
export type Asked = {
  model: Pick<ResolvedRequest["model"], "sizes" | "parameters" | "maxOutputTokensPerImage">;
  parameters: Pick<ResolvedRequest["parameters"], "n" | "prompt">;
  /** The size that the upstream is asked for: a mapping may change it, or leave it out. */
  upstream: { parameters: Pick<ResolvedRequest["upstream"]["parameters"], "size"> };
};

export type WorstCase = {
  /** Millionths of a dollar; null where no bound can be said. */
  micros: number | null;
  /** What would have to be priced or stated to know it, in words. Empty when it is known. */
  missing: string[];
};

/** What an upstream may put around a prompt, and image tokens that nobody asked for. A generation has no image for input. */
const inputMarginTokens = 256;
/** OpenAI's own figure for each partial image: https://developers.openai.com/api/docs/guides/image-generation */
const partialImageTokens = 100;

/**
 * The most that a request can cost: every image at the dearest quality and size that it can come to, and the most tokens that can be
 * counted. A token of text has at least a byte, and each of at most `n` deliveries may count the prompt again.
 * @param partialImages how many unfinished versions of each image are shown
 */
export function worstCaseOf({ model: id, quality, prices }: Terms, asked: Asked, partialImages = 0): WorstCase {
  const { perImageMicros, per1kTokensMicros } = prices;
  const { n, prompt } = asked.parameters;
  const missing: string[] = [];
  let milliMicrosEach = 0;
  if (perImageMicros === undefined && per1kTokensMicros === undefined) missing.push(`an image of '${id}'`);

  if (perImageMicros !== undefined) {
    const qualities = quality === "auto" ? qualitiesOf(asked.model) : [quality];
    const sizes = possibleSizes(asked);
    for (const each of qualities) {
      for (const size of sizes) {
        if (imagePrice(perImageMicros, each, size) === undefined) missing.push(describeImage(id, each, size));
      }
    }
    // Beside what must be priced, there is what happens to be: a size that obeys the rule, a quality of the upstream's own.
    const rows = quality === "auto" ? [...qualities, ...Object.keys(perImageMicros), anyOther] : qualities;
    const columns = isOpen(asked) ? [...sizes, ...Object.values(perImageMicros).flatMap(Object.keys), anyOther] : sizes;
    const found = rows.flatMap((row) => columns.map((column) => imagePrice(perImageMicros, row, column) ?? 0));
    milliMicrosEach += Math.max(...found) * 1000;
  }

  if (per1kTokensMicros !== undefined) {
    const { textInput, imageInput, textOutput, imageOutput } = per1kTokensMicros;
    if (textInput === undefined) missing.push(`textInput tokens of '${id}'`);
    milliMicrosEach += Buffer.byteLength(prompt) * (textInput ?? 0);
    milliMicrosEach += inputMarginTokens * Math.max(textInput ?? 0, imageInput ?? 0);

    if (imageOutput === undefined && perImageMicros === undefined) missing.push(`imageOutput tokens of '${id}'`);
    const dearest = Math.max(textOutput ?? 0, imageOutput ?? 0);
    const { maxOutputTokensPerImage: most } = asked.model;
    if (dearest > 0 && most === undefined)
      missing.push(`output tokens of '${id}', of which an image can have any number`);
    milliMicrosEach += ((most ?? 0) + partialImageTokens * partialImages) * dearest;
  }
  if (missing.length > 0) return { micros: null, missing };
  return { micros: Math.ceil((n * milliMicrosEach) / 1000), missing };
}

/** Whether the upstream chooses the size: `auto`, silence, or a word of its own. */
const isOpen = ({ upstream }: Asked) => parseSize(upstream.parameters.size ?? "auto") === undefined;

function possibleSizes(asked: Asked): string[] {
  const { size } = asked.upstream.parameters;
  return isOpen(asked) || size === undefined ? sizesOf(asked.model) : [size];
}
