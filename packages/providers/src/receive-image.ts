import { unusableImage } from "./bad-delivery.ts";
import type { CheckedImage, ImageChecker } from "./check-image.ts";
import { dataUrlOf, longestDataUrl } from "./data-url.ts";
import type { HttpClient } from "./http/http-client.ts";
import { InlineImage, type ReplyImages } from "./http/reply-images.ts";
import { ProviderError } from "./provider-error.ts";
import { type ImageBytes, releaseBytes } from "./spool/spooled-bytes.ts";

/** An image as replies carry it. */
export type SentImage = {
  /** Where it may be, the most likely first: base64, a data URL, or a link, each seen from its words; or decoded as it came. */
  sources: readonly (string | InlineImage)[];
  /** The type that the reply gives it, as a media type or as `png`. */
  claimed?: string | undefined;
};

export type ReceivedImage = CheckedImage & {
  /** What was wrong with its label, for the log. */
  oddity?: string | undefined;
};

/**
 * Turns what a reply holds into a checked image, from the first source that has one. The bytes say its type; a label that says another is
 * an `oddity`. Throws `ProviderError`, that of the first source; each of its failures may have been charged, since the image was drawn.
 * The caller releases the image.
 *
 * @param from the images that were taken out of the reply, where it was read so
 */
export async function receiveImage(
  { sources, claimed }: SentImage,
  { http, images, from }: { http: HttpClient; images: ImageChecker; from?: Pick<ReplyImages, "take"> },
  signal: AbortSignal,
): Promise<ReceivedImage> {
  let failure: ProviderError | undefined;
  for (const source of sources) {
    try {
      const { bytes, label } = await bytesOf(source, { http, from }, signal);
      const checked = await images.check(bytes, signal).catch(async (error: unknown) => {
        await releaseBytes(bytes);
        throw error;
      });
      return { ...checked, oddity: oddityOf(checked.mediaType, claimed) ?? oddityOf(checked.mediaType, label) };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      failure ??= error;
    }
  }
  throw failure ?? unusableImage("an image without content");
}

const link = /^https?:\/\//i;
const otherUrl = /^[a-z][a-z+.-]*:\/\//i;
/** A data URL of text, as SVGs have it. */
const textUrl = /^data:([\w/+.-]*)[^,]{0,100},/i;

type Arrived = { bytes: ImageBytes; label: string | undefined };

async function bytesOf(
  source: string | InlineImage,
  { http, from }: { http: HttpClient; from: Pick<ReplyImages, "take"> | undefined },
  signal: AbortSignal,
): Promise<Arrived> {
  const tooLarge = () => unusableImage(`an image of more than ${http.maxImageBytes} bytes`);
  if (source instanceof InlineImage) {
    const bytes = from === undefined ? source.bytes : from.take(source);
    if (bytes === undefined) throw tooLarge();
    return { bytes, label: source.label };
  }
  // The HTTP client says in its error why it does not fetch from other URLs.
  if (link.test(source) || otherUrl.test(source)) {
    const { bytes, contentType } = await http.downloadImage(source, signal);
    return { bytes, label: contentType };
  }
  const data = dataUrlOf(source);
  const text = data === undefined ? textUrl.exec(source.slice(0, longestDataUrl)) : null;
  if (text !== null) return { bytes: Buffer.from(unescaped(source.slice(text[0].length))), label: text[1] };
  const base64 = source.slice(data?.prefix.length ?? 0);
  if (base64.length * 0.75 > http.maxImageBytes + 3) throw tooLarge();
  return { bytes: Buffer.from(base64, "base64"), label: data?.label };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Its percent signs were not escaped.
    return text;
  }
}

/** Labels that say nothing of the type. */
const vague = new Set(["", "auto", "*", "octet-stream", "binary", "json", "plain"]);

/** How a label differs from the type of the bytes: `jpg`, `image/JPEG` and `.jpeg` are the same as `image/jpeg`. */
function oddityOf(mediaType: string, label: string | undefined): string | undefined {
  const [said = ""] = (label ?? "").toLowerCase().split(";", 1);
  const type = said
    .trim()
    .replace(/^.*[/.]/, "")
    .replace(/^(?:x-)?jpe?g$/, "jpeg")
    .replace(/^svg$/, "svg+xml");
  if (vague.has(type) || `image/${type}` === mediaType) return undefined;
  return `labelled as ${said.slice(0, 100)}, and is ${mediaType}`;
}
