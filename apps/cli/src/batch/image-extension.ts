const ofMediaType: Record<string, string> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/webp": "webp",
  "image/gif": "gif",
  "image/avif": "avif",
  "image/svg+xml": "svg",
};

/** Every extension that an image is given here. */
export const imageExtensions: ReadonlySet<string> = new Set(Object.values(ofMediaType));

/** How many bytes at the beginning tell what an image is: a byte order mark and some lines may stand before the first tag of an SVG. */
export const signatureBytes = 256;

/**
 * The extension of an image by its first bytes, else by what it was said to be; undefined for what is neither.
 * @param beginning its first 256 bytes, or all of them
 */
export function imageExtension(beginning: Buffer, mediaType: string | undefined): string | undefined {
  const text = beginning.toString("latin1");
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (text.startsWith("\xff\xd8\xff")) return "jpg";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "webp";
  if (text.startsWith("GIF8")) return "gif";
  if (/^(?:\xef\xbb\xbf)?\s*<(?:(?:\w{1,20}:)?svg[\s/>]|\?xml\s|!--)/.test(text)) return "svg";
  return beginning.length === 0 ? undefined : ofMediaType[mediaType?.split(";")[0]?.trim().toLowerCase() ?? ""];
}
