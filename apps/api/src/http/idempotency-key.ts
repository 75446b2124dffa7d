import type { IncomingMessage } from "node:http";
import { ApiError } from "@darkroom/contracts";

/** A string of RFC 8941, as the IETF's draft of the header spells a key: `"8e03978e"`. */
const quotedKey = /^"((?:[^"\\]|\\["\\])*)"$/;
const printable = /^[\x20-\x7e]{1,255}$/;

/**
 * Reads the header `Idempotency-Key`, with quotes or without: both spell the same key. Undefined when there is none.
 * Throws `ApiError` when it is not one key of 1 to 255 printable ASCII characters.
 */
export function readIdempotencyKey({ headersDistinct }: Pick<IncomingMessage, "headersDistinct">): string | undefined {
  const [header, ...more] = headersDistinct["idempotency-key"] ?? [];
  if (header === undefined) return undefined;
  const key = header.startsWith('"') ? quotedKey.exec(header)?.[1]?.replaceAll(/\\(.)/g, "$1") : header;
  if (more.length === 0 && key !== undefined && printable.test(key)) return key;
  throw new ApiError(
    "invalid_request_error",
    "Invalid 'Idempotency-Key': it must be one key of 1 to 255 printable ASCII characters, with or without double quotes.",
    { param: "Idempotency-Key" },
  );
}
