import type { ReplyImages } from "./reply-images.ts";

/**
 * Quotes, brackets, colons and commas, the last three outside of strings. An answer of ten images has some hundreds; 400,000 are parsed and
 * read in a tenth of a second, and take 50 MB.
 */
const maxMarks = 400_000;

/**
 * Parses the JSON of an upstream, which may have been made to be expensive: 40 MB of `{},` are 13 million objects in a gigabyte. How long its
 * strings are does not matter. Undefined for what is no JSON, and for what has more than some hundred thousand values.
 *
 * @param images those that were taken out of the text, and are put back in the place of their words
 */
export function parseJson(text: string, images?: ReplyImages): unknown {
  if (hasMoreMarks(text, maxMarks)) return undefined;
  try {
    const value: unknown = JSON.parse(text.trim());
    return images === undefined ? value : images.resolve(value);
  } catch {
    return undefined;
  }
}

function hasMoreMarks(text: string, most: number): boolean {
  // A text with fewer characters cannot have more.
  if (text.length <= most) return false;
  let marks = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    if (isInString) {
      at = text.indexOf('"', at);
      if (at === -1) return false;
      isInString = isEscaped(text, at);
      marks++;
    } else {
      const character = text.charCodeAt(at);
      if (character === quote) isInString = true;
      if (counted.has(character)) marks++;
    }
    if (marks > most) return true;
  }
  return false;
}

const quote = 0x22;
const counted = new Set(["[", "{", ":", ","].map((mark) => mark.charCodeAt(0)));

/** Whether an odd number of backslashes stands before a quote. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === "\\") first--;
  return (at - first) % 2 === 1;
}
