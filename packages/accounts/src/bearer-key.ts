import { ApiError } from "@darkroom/contracts";

/** No key that we or OpenAI make is half as long. An unauthenticated client cannot make us hash more than this. */
const maxKeyLength = 256;

const expected = "Authorization: Bearer YOUR_KEY";

// Created once each: to capture an unused stack trace costs more than the rest of a refusal.
const missing = new ApiError(
  "invalid_api_key",
  `You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. ${expected}).`,
);
const malformed = new ApiError(
  "invalid_api_key",
  `The Authorization header is malformed. It must be one key, with Bearer auth (i.e. ${expected}).`,
);
const tooLong = new ApiError(
  "invalid_api_key",
  `The API key is too long: no key has more than ${maxKeyLength} characters.`,
);

/**
 * The key in an `Authorization` header. RFC 6750 §2.1: the scheme in any case, one or more blanks, one token.
 * Throws `ApiError` `invalid_api_key`. No message contains the key.
 */
export function readBearerKey(header: string | undefined): string {
  if (header === undefined || header.trim() === "") throw missing;
  // Two headers of this name arrive joined with a comma, or as two tokens.
  const key = /^bearer +([^\s,]+)$/i.exec(header.trim())?.[1];
  if (key === undefined) throw malformed;
  if (key.length > maxKeyLength) throw tooLong;
  return key;
}
