import type { IncomingHttpHeaders } from "node:http";
import { ApiError, quoteValue } from "@darkroom/contracts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a JSON body, which is UTF-8 whatever the caller's `charset` says (RFC 8259 §8.1). A key like `__proto__` stays a plain key,
 * which the strict schemas refuse by name. Throws `ApiError` without quoting the body, because messages must not contain prompts.
 */
export function parseJson(body: Buffer): unknown {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch (cause) {
    throw new ApiError("invalid_request_error", "The body is not valid UTF-8.", { cause });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = /at position \d+(?: \(line \d+ column \d+\))?/.exec(String(error))?.[0];
    const where = place === undefined ? "" : `, ${place}`;
    throw new ApiError("invalid_request_error", `The body is not valid JSON${where}.`);
  }
}

/** Throws `ApiError` `unsupported_media_type` for a compressed body, which would look like broken JSON. */
export function assertPlainBody({ "content-encoding": encoding = "identity" }: IncomingHttpHeaders): void {
  if (encoding.trim().toLowerCase() === "identity") return;
  throw new ApiError(
    "unsupported_media_type",
    `The Content-Encoding ${quoteValue(encoding)} is not supported. Send the body uncompressed.`,
  );
}
