import { unusableImage } from "./bad-delivery.ts";
import { type CheckedImage, checkImage } from "./check-image.ts";
import type { HttpDoor } from "./http/http-door.ts";

/** An image as replies carry it. */
export type SentImage = {
  b64_json?: string | null | undefined;
  url?: string | null | undefined;
  /** The type that the reply gives it, as a media type or as `png`. */
  claimed?: string | undefined;
};

const dataUrl = /^data:([\w/+.-]*)[^,]{0,100}?;base64,/;

/**
 * Turns what a reply holds into a checked image: base64, a `data:` URL in either field (some servers send that), or a URL to fetch.
 * Throws `ProviderError`; each of its failures may have been charged, since the image was drawn.
 */
export async function receiveImage(sent: SentImage, http: HttpDoor, signal: AbortSignal): Promise<CheckedImage> {
  const claimed = sent.claimed === undefined || sent.claimed.includes("/") ? sent.claimed : `image/${sent.claimed}`;
  const text = sent.b64_json ?? sent.url;
  if (text === null || text === undefined || text === "") throw unusableImage("an image without b64_json and url");
  const data = dataUrl.exec(text.slice(0, 200));
  if (!sent.b64_json && data === null) {
    const download = await http.downloadImage(text, signal);
    return checkImage(download.bytes, claimed ?? download.contentType);
  }
  const base64 = data === null ? text : text.slice(data[0].length);
  if (base64.length * 0.75 > http.maxImageBytes + 3)
    throw unusableImage(`an image of more than ${http.maxImageBytes} bytes`);
  return checkImage(Buffer.from(base64, "base64"), claimed ?? data?.[1]);
}
