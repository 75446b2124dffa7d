import { pathOf } from "./known-routes.ts";

/** Ids that are made here: generations, batches, files, webhook deliveries, keys. */
const ownId = /^(?:gen_|batch_|file-|msg_)[0-9a-hjkmnp-tv-z]{26}(?:_\d{1,6})?$|^key_[0-9a-f]{12}(?:[0-9a-f]{12})?$/;

/** More than any route has. */
const maxSegments = 8;

/**
 * A request's path as it may be logged: the words of our routes and the ids that are made here, and `…` for all else, which is the
 * caller's own text and may hold a key of any form. `words`: the segments that routes have.
 */
export function loggablePath(url: string, words: ReadonlySet<string>): string {
  const [, ...segments] = pathOf(url).split("/", maxSegments + 2);
  const shown = segments.slice(0, maxSegments).map((segment) => (isShown(segment, words) ? segment : "…"));
  return `/${shown.join("/")}${segments.length > maxSegments ? "/…" : ""}`;
}

const isShown = (segment: string, words: ReadonlySet<string>): boolean =>
  segment === "" || words.has(segment) || ownId.test(segment);
