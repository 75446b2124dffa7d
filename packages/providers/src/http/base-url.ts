import { z } from "zod";

/**
 * The address that paths of an API are put behind. A query stays behind those paths, as Azure wants it with `?api-version=…`. What would
 * be lost without a word is refused: a fragment is never sent, and a user belongs into a header.
 */
export const baseUrlSchema = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .refine((address) => {
    const parsed = URL.parse(address);
    return parsed === null || (parsed.hash === "" && parsed.username === "" && parsed.password === "");
  }, "must have no fragment and no user");

/** The address of one operation: `path`, which begins with a slash, behind the base's own path, and before its query. */
export function endpointOf(baseUrl: string, path: string): string {
  const url = new URL(baseUrl);
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
  return url.href;
}
