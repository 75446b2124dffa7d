import { randomUUID } from "node:crypto";
import type { Spool, SpoolGuest, SpoolWriter } from "../spool/spool.ts";
import { type ImageBytes, releaseBytes } from "../spool/spooled-bytes.ts";
import { createBase64Decoder } from "./decode-base64.ts";

/**
 * So many images of one call have a file each at a time. A stream of ten images with three unfinished versions of each has forty. Further ones
 * share a file: which of a thousand strings is the image that was asked for is known only when the reply is parsed.
 */
const maxFiles = 128;

/** An image that stood in a reply as base64, decoded. */
export class InlineImage {
  /** Undefined where it is larger than an image may be. */
  readonly bytes: ImageBytes | undefined;
  /** The media type of its data URL, where it was one. */
  readonly label: string | undefined;

  constructor(bytes: ImageBytes | undefined, label: string | undefined) {
    this.bytes = bytes;
    this.label = label;
  }
}

/** Takes the base64 of one image as it comes. */
export type InlineImageWriter = {
  write(base64: string): Promise<void>;
  /** Ends the image and answers the word that stands for it in the text of the reply. */
  end(): Promise<string>;
  discard(): Promise<void>;
};

export type ReplyImagesOptions = { spool: Spool; maxImageBytes: number };

/**
 * The images of the replies of one call, which are taken out of the text while it arrives. Each has a word that stands in its place until the
 * text is parsed, and that no upstream can guess. `discard` it when the call has ended: an image that nobody took is gone then.
 */
export function createReplyImages({ spool, maxImageBytes }: ReplyImagesOptions) {
  const mark = `image-${randomUUID()}-`;
  const words = new RegExp(`${mark}\\d+`, "g");
  const images = new Map<string, InlineImage>();
  const overflow = spool.newSharedFile();
  let begun = 0;
  let isDiscarded = false;

  async function forgetImage(word: string): Promise<void> {
    const bytes = images.get(word)?.bytes;
    images.delete(word);
    if (bytes !== undefined) await releaseBytes(bytes);
  }

  function begin(label: string | undefined, guest: SpoolGuest): InlineImageWriter {
    const word = `${mark}${++begun}`;
    const decoder = createBase64Decoder();
    let writer: SpoolWriter | undefined = spool.newWriter(guest, images.size < maxFiles ? undefined : overflow);

    async function discard(): Promise<void> {
      const discarded = writer;
      writer = undefined;
      await discarded?.discard();
    }
    async function append(bytes: Buffer): Promise<void> {
      if (writer === undefined || bytes.length === 0) return;
      if (writer.byteLength + bytes.length > maxImageBytes) await discard();
      else await writer.write(bytes);
    }

    return {
      write: (base64) => append(decoder.decode(base64)),
      discard,
      async end() {
        await append(decoder.end());
        images.set(word, new InlineImage(await writer?.finish(), label));
        writer = undefined;
        // Its call may have ended meanwhile, and nobody else releases it.
        if (isDiscarded) await forgetImage(word);
        return word;
      },
    };
  }

  return {
    begin,
    newGuest: spool.newGuest,

    /** Puts the images into parsed JSON, in the places of their words. Changes `value`. */
    resolve(value: unknown): unknown {
      if (images.size === 0) return value;
      const root = [value];
      // Not recursive: an upstream may nest deeper than the stack is.
      const open: object[] = [root];
      for (let node = open.pop(); node !== undefined; node = open.pop()) {
        for (const [key, inner] of Object.entries(node)) {
          if (typeof inner === "string" && inner.startsWith(mark)) Reflect.set(node, key, images.get(inner) ?? inner);
          else if (typeof inner === "object" && inner !== null) open.push(inner);
        }
      }
      return root[0];
    },

    /** Hands an image over: it is not discarded with the others. */
    take(image: InlineImage): ImageBytes | undefined {
      for (const [word, kept] of images) if (kept === image) images.delete(word);
      return image.bytes;
    },

    /** Forgets the images of a text that nobody wants, such as an event with an unfinished version that no request asked for. */
    forget(text: string): void {
      for (const [word] of text.matchAll(words)) void forgetImage(word);
    },

    /** Forgets every image that nobody took. */
    async discard(): Promise<void> {
      isDiscarded = true;
      await Promise.all([...images.keys()].map(forgetImage));
    },
  };
}

export type ReplyImages = ReturnType<typeof createReplyImages>;
