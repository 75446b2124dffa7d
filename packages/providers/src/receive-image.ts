import { unusableImage } from "./bad-delivery.ts";
import type { CheckedImage, ImageChecker } from "./check-image.ts";
import type { HttpClient } from "./http/http-client.ts";
import { ProviderError } from "./provider-error.ts";

/** An image as replies carry it. */
export type SentImage = {
  /** Where it may be, the most likely first: base64, a data URL, or a link. Each is seen from its words. */
  sources: readonly string[];
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
 */
export async function receiveImage(
  { sources, claimed }: SentImage,
  { http, images }: { http: HttpClient; images: ImageChecker },
  signal: AbortSignal,
): Promise<ReceivedImage> {
  let failure: ProviderError | undefined;
  for (const source of sources) {
    try {
      const { bytes, label } = await bytesOf(source, http, signal);
      const checked = await images.check(bytes, signal);
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
/** Some gateways put the beginning of a data URL before what has one already. */
const dataUrl = /^(?:data:([\w/+.-]*)[^,]{0,100}?;base64,)+/i;
const longestDataUrl = 400;
/** A data URL of text, as SVGs have it. */
const textUrl = /^data:([\w/+.-]*)[^,]{0,100},/i;

async function bytesOf(source: string, http: HttpClient, signal: AbortSignal) {
  // The HTTP client says in its error why it does not fetch from other URLs.
  if (link.test(source) || otherUrl.test(source)) {
    const { bytes, contentType } = await http.downloadImage(source, signal);
    return { bytes, label: contentType };
  }
  const head = source.slice(0, longestDataUrl);
  const data = dataUrl.exec(head);
  const text = data === null ? textUrl.exec(head) : null;
  if (text !== null) return { bytes: Buffer.from(unescaped(source.slice(text[0].length))), label: text[1] };
  const base64 = data === null ? source : source.slice(data[0].length);
  if (base64.length * 0.75 > http.maxImageBytes + 3)
    throw unusableImage(`an image of more than ${http.maxImageBytes} bytes`);
  return { bytes: Buffer.from(base64, "base64"), label: data?.[1] };
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
