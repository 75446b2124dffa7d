import { ApiError } from "@darkroom/contracts";
import { serverLimits } from "./server-limits.ts";

/** What callers are told of the errors that Fastify throws on its own, by its code. */
const fastifyErrors: Readonly<Record<string, () => ApiError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new ApiError("payload_too_large", `The body is larger than ${serverLimits.bodyLimit} bytes, which is the limit.`),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new ApiError(
      "unsupported_media_type",
      "The body must be JSON. Send it with the header Content-Type: application/json.",
    ),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new ApiError("invalid_request_error", "The body is not as long as its Content-Length says."),
  FST_ERR_MAX_PARAM_LENGTH: () => new ApiError("not_found", "There is nothing here that has so long a name."),
  FST_ERR_BAD_URL: () => new ApiError("invalid_request_error", "The URL is malformed: check its percent-encoding."),
};

/** What a caller is told of whatever was thrown. All that is not meant for them becomes a 500 without internals. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const known = fastifyErrors[code];
  if (known !== undefined) return known();
  const statusCode = thrown instanceof Error && "statusCode" in thrown ? thrown.statusCode : undefined;
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return new ApiError("invalid_request_error", "The request could not be read.", { cause: thrown });
  }
  return new ApiError("server_error", "Darkroom failed while it handled this request.", { cause: thrown });
}
