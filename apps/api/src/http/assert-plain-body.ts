import type { IncomingHttpHeaders } from "node:http";
import { ApiError, quoteValue } from "@darkroom/contracts";

/** Throws `ApiError` `unsupported_media_type` for a body that came compressed: it would be read as a broken one. */
export function assertPlainBody({ "content-encoding": encoding = "identity" }: IncomingHttpHeaders): void {
  if (encoding.trim().toLowerCase() === "identity") return;
  throw new ApiError(
    "unsupported_media_type",
    `The Content-Encoding ${quoteValue(encoding)} is not supported. Send the body as it is, uncompressed.`,
  );
}
