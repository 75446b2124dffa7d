import { ProviderError } from "../provider-error.ts";

/**
 * What a failure of the connection means. The one question that matters is whether the request had left us:
 *
 * - It had not (refused, no such name, TLS, no connection in time): nothing was drawn, try again.
 * - It had (cut, silent, too slow, an answer that cannot be read): the image may be drawn and paid for already. Darkroom never buys
 *   an image twice by accident, so this is not retried.
 */
export function networkError(error: unknown, context: { sent: boolean; timedOut: boolean }): ProviderError {
  const code = codeOf(error);
  if (!context.sent) {
    return new ProviderError({
      code: "upstream_error",
      message: "The provider could not be reached. Nothing was drawn; the request can be sent again.",
      retryable: true,
      mayHaveCharged: false,
      detail: context.timedOut ? "timed out before the request was sent" : code,
      cause: error,
    });
  }
  const slow = context.timedOut || code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_BODY_TIMEOUT";
  return new ProviderError({
    code: slow ? "timeout_error" : "upstream_error",
    message: slow
      ? "The provider did not answer in time. It is not known whether it drew the images, so the request was not sent again."
      : "The connection to the provider broke before its answer was complete, so the request was not sent again.",
    retryable: false,
    mayHaveCharged: true,
    detail: context.timedOut ? "total timeout" : code,
    cause: error,
  });
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
