import { dataUrlOf } from "../data-url.ts";
import { isGif } from "../read-gif.ts";
import { isJpeg } from "../read-jpeg.ts";
import { isPng } from "../read-png.ts";
import { isXml } from "../read-svg.ts";
import { isWebp } from "../read-webp.ts";
import type { SpoolGuest } from "../spool/spool.ts";
import type { InlineImageWriter, ReplyImages } from "./reply-images.ts";

/**
 * A string of fewer bytes stays in the text, also where it is an image: 12 KiB of an image cost nothing. As many as the longest beginning that
 * tells an image from a text have to be held until it is known.
 */
export const shortestImage = 16 * 1024;

const quote = 0x22;
const backslash = 0x5c;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const noBytes: Buffer = Buffer.alloc(0);
/** `\u002b`, the longest escape. */
const longestEscape = 6;

export type SiftOptions = {
  images: ReplyImages;
  guest: SpoolGuest;
  /** The text is server-sent events: a line break ends a string, which only a line that is no JSON can have begun. */
  isEvents: boolean;
};

/**
 * Takes long base64 out of JSON, or out of events with JSON, while it arrives: of each string that is at least `shortestImage` long and begins as
 * base64 does, only the word that stands for its image is left in the text. What comes out is as good or as bad JSON as what went in, so
 * nothing else of JSON has to be known here but strings and their escapes.
 */
export async function* siftImages(
  chunks: AsyncIterable<Buffer>,
  { images, guest, isEvents }: SiftOptions,
): AsyncGenerator<Buffer> {
  let place: "outside" | "beginning" | "text" | "image" = "outside";
  /** The bytes of a string of which it is not known yet what it is. */
  const held: Buffer[] = [];
  let heldBytes = 0;
  const release = (): Buffer[] => {
    heldBytes = 0;
    return held.splice(0);
  };
  let image: InlineImageWriter | undefined;
  /** An escape that a chunk has cut. */
  let cut = noBytes;

  try {
    for await (const chunk of chunks) {
      const bytes = cut.length === 0 ? chunk : Buffer.concat([cut, chunk]);
      const endOfLine = createLineSearch(bytes, isEvents);
      const kept: Buffer[] = [];
      let keptFrom = 0;
      let at = 0;
      cut = noBytes;
      while (at < bytes.length) {
        if (place === "outside") {
          const begin = bytes.indexOf(quote, at);
          if (begin === -1) break;
          at = begin + 1;
          place = "beginning";
          continue;
        }
        const end = endOfString(bytes, at, endOfLine(at));
        const contentEnd = end === -1 ? bytes.length - cutEscape(bytes, at) : end;
        if (end === -1) cut = bytes.subarray(contentEnd);
        const content = bytes.subarray(at, contentEnd);

        if (place === "beginning") {
          if (heldBytes + content.length < shortestImage) {
            // While it may become an image, none of it is passed on.
            if (end === -1) {
              kept.push(bytes.subarray(keptFrom, at));
              held.push(content);
              heldBytes += content.length;
              keptFrom = contentEnd;
            } else {
              kept.push(...release());
              place = "text";
            }
          } else {
            const isNew = heldBytes === 0;
            const before = release();
            const all = Buffer.concat([...before, content]);
            const head = all.subarray(0, shortestImage - cutEscape(all.subarray(0, shortestImage), 0));
            const begun = beginningOf(unescaped(head));
            if (begun === undefined) {
              kept.push(...before);
              place = "text";
            } else {
              if (isNew) kept.push(bytes.subarray(keptFrom, at));
              image = images.begin(begun.label, guest);
              await image.write(begun.base64);
              await image.write(unescaped(all.subarray(head.length)));
              place = "image";
            }
          }
        } else if (place === "image") await image?.write(unescaped(content));

        if (place === "image") {
          keptFrom = contentEnd;
          if (end !== -1) {
            // A string that its line has cut is no JSON, whatever stands for it.
            if (bytes[end] === quote) kept.push(Buffer.from((await image?.end()) ?? ""));
            else await image?.discard();
            image = undefined;
          }
        }
        if (end !== -1) place = "outside";
        at = end === -1 ? bytes.length : end + 1;
      }
      kept.push(bytes.subarray(keptFrom, bytes.length - cut.length));
      const text = kept.length === 1 ? (kept[0] ?? noBytes) : Buffer.concat(kept);
      if (text.length > 0) yield text;
    }
    // The text has ended within a string.
    const rest = Buffer.concat([...held, place === "image" ? noBytes : cut]);
    if (rest.length > 0) yield rest;
  } finally {
    await image?.discard();
  }
}

/** Where a string ends that is read from `from`, or the line it stands in; -1 where it goes on in the next chunk. */
function endOfString(bytes: Buffer, from: number, endOfLine: number): number {
  let end = bytes.indexOf(quote, from);
  while (end !== -1 && isOdd(backslashesBefore(bytes, end, from))) end = bytes.indexOf(quote, end + 1);
  return endOfLine !== -1 && (end === -1 || endOfLine < end) ? endOfLine : end;
}

/** Finds the next line break, and does not look twice at the same bytes. Answers -1 where there is none, or none counts. */
function createLineSearch(bytes: Buffer, isEvents: boolean): (from: number) => number {
  const next = [lineFeed, carriageReturn].map((character) => ({ character, at: -1, isLast: !isEvents }));
  return (from) => {
    for (const one of next) {
      if (one.at >= from || one.isLast) continue;
      one.at = bytes.indexOf(one.character, from);
      one.isLast = one.at === -1;
    }
    const found = next.map(({ at }) => at).filter((at) => at >= from);
    return found.length === 0 ? -1 : Math.min(...found);
  };
}

/** How many of the last bytes are the beginning of an escape, in a string that is read from `from`. */
function cutEscape(bytes: Buffer, from: number): number {
  const last = bytes.lastIndexOf(backslash);
  const length = bytes.length - last;
  if (last < from || length >= longestEscape || isOdd(backslashesBefore(bytes, last, from))) return 0;
  return length === 1 || bytes[last + 1] === 0x75 ? length : 0;
}

function backslashesBefore(bytes: Buffer, at: number, from: number): number {
  let first = at;
  while (first > from && bytes[first - 1] === backslash) first--;
  return at - first;
}

const isOdd = (number: number): boolean => number % 2 === 1;

/** A part of a string of JSON without its escapes. Some servers escape the slash of base64, others the plus. */
function unescaped(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  return text.includes("\\") ? text.replace(/\\(?:u([\da-f]{4})|([^]))/gi, unescapedOne) : text;
}

function unescapedOne(_escape: string, code: string | undefined, character: string): string {
  if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
  // A line break, most often, which base64 may have; and a letter that no escape may be taken for.
  return character === "/" ? "/" : "\n";
}

/** Characters of the 64. Compressed data has nearly all of them; a word that a test or a joke repeats has a few. */
const fewestCharacters = 32;

/**
 * Whether a string that begins like this is base64, and not words: it begins as an image does, or it has no space and is as varied as
 * compressed data. An image of another type is taken out as well, so that one of 40 MB costs no more than the image that it is.
 */
function beginningOf(text: string): { base64: string; label: string | undefined } | undefined {
  const trimmed = text.trimStart();
  const data = dataUrlOf(trimmed);
  const base64 = trimmed.slice(data?.prefix.length ?? 0);
  if (base64 === "" || /[^\w+/=\r\n\t -]/.test(base64)) return undefined;
  const bytes = Buffer.from(base64, "base64");
  const isImage = [isPng, isJpeg, isWebp, isGif, isXml].some((begins) => begins(bytes));
  if (!isImage && (/[\t ]/.test(base64) || new Set(base64).size < fewestCharacters)) return undefined;
  return { base64, label: data?.label };
}
