import { dataUrlOf } from "../data-url.ts";
import { isGif } from "../follow-gif.ts";
import { isJpeg } from "../follow-jpeg.ts";
import { isWebp } from "../follow-webp.ts";
import { isPng } from "../read-png.ts";
import { isXml } from "../read-svg.ts";
import type { SpoolGuest } from "../spool/spool.ts";
import { createJsonStrings, cutEscape, type JsonStringsOptions, type StringPart, unescaped } from "./json-strings.ts";
import type { InlineImageWriter, ReplyImages } from "./reply-images.ts";

/**
 * A string of fewer bytes stays in the text, also where it is an image: 12 KiB of an image cost nothing. As many as the longest beginning that
 * tells an image from a text have to be held until it is known.
 */
export const shortestImage = 16 * 1024;

export type SiftOptions = JsonStringsOptions & { images: ReplyImages; guest: SpoolGuest };

/**
 * Takes long base64 out of JSON, or out of events with JSON, while it arrives: of each string that is at least `shortestImage` long and begins as
 * base64 does, only the word that stands for its image is left in the text. What comes out is as good or as bad JSON as what went in, so
 * nothing else of JSON has to be known here but strings and their escapes.
 */
export async function* siftImages(chunks: AsyncIterable<Buffer>, options: SiftOptions): AsyncGenerator<Buffer> {
  const strings = createJsonStrings(shortestImage, options);
  const sieve = createSieve(options);
  try {
    for await (const chunk of chunks) {
      const bytes = strings.joined(chunk);
      const text = createText(bytes);
      for (const part of strings.partsIn(bytes)) await sieve.pass(part, text);
      const left = text.upTo(bytes.length - strings.leftOver().length);
      if (left.length > 0) yield left;
    }
    // The text has ended within a string.
    const rest = sieve.rest(strings.leftOver());
    if (rest.length > 0) yield rest;
  } finally {
    await sieve.discard();
  }
}

/** What is left of a chunk as text. */
function createText(bytes: Buffer) {
  const kept: Buffer[] = [];
  let keptTo = 0;
  return {
    bytes,
    /** Leaves out the bytes of a part. */
    leaveOut({ from, to }: StringPart): void {
      kept.push(bytes.subarray(keptTo, from));
      keptTo = to;
    },
    /** Puts bytes in the place of those that were left out last. */
    putIn: (...others: Buffer[]): void => void kept.push(...others),
    upTo(end: number): Buffer {
      kept.push(bytes.subarray(keptTo, end));
      const [only] = kept;
      return kept.length === 1 && only !== undefined ? only : Buffer.concat(kept);
    },
  };
}

type Text = ReturnType<typeof createText>;

/** Decides what each string is, and takes the images out. */
function createSieve({ images, guest }: SiftOptions) {
  /** What the string is of which the next part comes. While it may become an image, none of it is passed on. */
  let kind: "undecided" | "text" | "image" = "undecided";
  const held: Buffer[] = [];
  let heldBytes = 0;
  let image: InlineImageWriter | undefined;

  function release(): Buffer[] {
    heldBytes = 0;
    return held.splice(0);
  }

  /** Decides by the beginning of a string, of which `content` makes enough to tell. */
  async function decide(content: Buffer, part: StringPart, text: Text): Promise<void> {
    const before = release();
    const all = Buffer.concat([...before, content]);
    const head = all.subarray(0, shortestImage - cutEscape(all.subarray(0, shortestImage), 0));
    const begun = beginningOf(unescaped(head));
    if (begun === undefined) {
      kind = "text";
      text.putIn(...before);
      return;
    }
    kind = "image";
    text.leaveOut(part);
    image = images.begin(begun.label, guest);
    await image.write(begun.base64);
    await image.write(unescaped(all.subarray(head.length)));
  }

  async function endImage({ end }: StringPart, text: Text): Promise<void> {
    // A string that its line has cut is no JSON, whatever stands for it.
    if (end === "quote") text.putIn(Buffer.from((await image?.end()) ?? ""));
    else await image?.discard();
    image = undefined;
  }

  return {
    /** Takes the next part of a string out of the text, unless it is text. */
    async pass(part: StringPart, text: Text): Promise<void> {
      const content = text.bytes.subarray(part.from, part.to);
      if (kind === "image") {
        text.leaveOut(part);
        await image?.write(unescaped(content));
      } else if (kind === "undecided") {
        if (heldBytes + content.length >= shortestImage) await decide(content, part, text);
        else if (part.end !== undefined) text.putIn(...release());
        else {
          text.leaveOut(part);
          held.push(content);
          heldBytes += content.length;
        }
      }
      if (part.end === undefined) return;
      if (image !== undefined) await endImage(part, text);
      kind = "undecided";
    },

    /** What is left of a string that the text ends in, with the beginning of an escape. */
    rest: (leftOver: Buffer): Buffer => Buffer.concat(image === undefined ? [...held, leftOver] : []),

    /** Forgets an image that has not ended. */
    discard: async (): Promise<void> => image?.discard(),
  };
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
