import { letterOf } from "./typeface.ts";

export type Written = {
  /** SVG path data, drawn with its upper left corner at 0,0. */
  path: string;
  width: number;
  height: number;
};

const lineHeight = 1.3;
/** What a picture has room for; the rest of a long prompt is not even looked at. */
const maxCharacters = 600;
/** Invisible in print: control and format characters, variation selectors, joiners. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u{FE00}-\u{FE0F}]/gu;
const rightToLeft = /[\p{Script=Hebrew}\p{Script=Arabic}]/u;

/**
 * Writes text into a box as outlines, in the largest letters with which it fits, down to `smallest`; beyond that it is cut and ends
 * in "…". Any Unicode is safe. Hebrew and Arabic words read from the right, but Arabic letters are not joined.
 */
export function writeText(
  text: string,
  box: { width: number; height: number; largest: number; smallest: number },
): Written {
  const start = Array.from(text.normalize("NFC")).slice(0, maxCharacters).join("");
  const words = start.replace(/\s+/g, " ").replace(unprintable, "").trim().split(" ");
  let size = box.largest;
  let lines = wrap(words, box.width / size);
  while (lines.length * size * lineHeight > box.height && size > box.smallest) {
    size = Math.max(box.smallest, size * 0.92);
    lines = wrap(words, box.width / size);
  }
  const room = Math.max(1, Math.floor(box.height / (size * lineHeight)));
  if (lines.length > room) lines = [...lines.slice(0, room - 1), `${lines[room - 1]?.slice(0, -1)}…`];

  let path = "";
  let width = 0;
  for (const [row, line] of lines.entries()) {
    let x = 0;
    for (const character of line) {
      const letter = letterOf(character);
      if (character !== " ") path += letter.outline(x, (row + 1) * size * lineHeight - size * 0.35, size);
      x += letter.advance * size;
    }
    width = Math.max(width, x);
  }
  return { path, width, height: lines.length * size * lineHeight };
}

/** Breaks at spaces, and inside words that are longer than a line, as Chinese sentences are. `measure` is in letter sizes. */
function wrap(words: readonly string[], measure: number): string[] {
  const lines: string[] = [];
  let line = "";
  let used = 0;
  for (const word of words) {
    const width = widthOf(word);
    const gap = line === "" ? 0 : widthOf(" ");
    if (line !== "" && used + gap + width > measure && width <= measure) {
      lines.push(line);
      line = "";
      used = 0;
    }
    if (line !== "") {
      line += " ";
      used += gap;
    }
    for (const character of inReadingOrder(word)) {
      const advance = letterOf(character).advance;
      if (used + advance > measure && line !== "") {
        lines.push(line.trimEnd());
        line = "";
        used = 0;
      }
      line += character;
      used += advance;
    }
  }
  if (line.trim() !== "") lines.push(line);
  return lines.map(inLineOrder);
}

const widthOf = (text: string) => Array.from(text).reduce((sum, character) => sum + letterOf(character).advance, 0);

const inReadingOrder = (word: string) => (rightToLeft.test(word) ? Array.from(word).toReversed() : Array.from(word));

/** A line of right-to-left words begins at the right. */
const inLineOrder = (line: string) =>
  line.split(" ").every((word) => rightToLeft.test(word)) ? line.split(" ").toReversed().join(" ") : line;
