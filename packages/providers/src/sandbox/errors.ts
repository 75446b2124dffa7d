import { type ErrorCode, errorCodes } from "@darkroom/contracts";
import { statusError } from "../http/status-error.ts";
import { ProviderError } from "../provider-error.ts";

/**
 * The error that a directive names: an HTTP status, judged exactly as a real upstream's would be, or one of our codes with its usual
 * facts. A `timeout_error` may have been charged, as a real one may.
 */
export function scriptedError(fail: string, retryAfterMs: number | undefined): ProviderError {
  if (/^[345]\d\d$/.test(fail)) {
    const refusal = { status: Number(fail), body: undefined, retryAfterMs, requestId: undefined };
    return statusError(refusal, { message: "The sandbox refuses, as the prompt asked it to." });
  }
  const code: ErrorCode = isErrorCode(fail) ? fail : "upstream_error";
  const mayHaveCharged = code === "timeout_error";
  const retryable = errorCodes[code].retryable;
  return new ProviderError({
    code,
    message: "The sandbox fails, as the prompt asked it to.",
    retryable,
    retryAfterMs: retryable ? retryAfterMs : undefined,
    mayHaveCharged,
    detail: `directive fail=${fail}`,
  });
}

/** The failure that `SANDBOX_FAIL_EVERY` asks for, and the reason of a `missing` image: a retry mends it. */
export const passingError = (): ProviderError =>
  new ProviderError({
    code: "upstream_error",
    message: "The sandbox failed, as it was configured to.",
    retryable: true,
    mayHaveCharged: false,
  });

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(errorCodes, text);
