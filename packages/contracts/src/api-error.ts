import type { ErrorObject } from "./error-body.ts";
import { type ErrorCode, errorCodes } from "./error-codes.ts";
import { maskKeys } from "./mask-keys.ts";

export type ApiErrorOptions = {
  /** The parameter at fault, as the caller spells it (`job.metadata`), when there is one. */
  param?: string | undefined;
  /** How long the caller should wait before another try. Sent as `Retry-After`, rounded up to seconds. */
  retryAfterMs?: number | undefined;
  /** Overrides the table for this one case: a 500 that a retry would mend, say. */
  retryable?: boolean | undefined;
  /** What happened underneath. Logged, never shown. */
  cause?: unknown;
};

/**
 * A failure that the caller is told about. `message` is shown to them as it stands: no internals, no prompt. A key that it repeats, as
 * the path or the parameter that somebody put it in, is cut out.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly retryAfterMs: number | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(maskKeys(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param === undefined ? null : maskKeys(options.param);
    this.retryAfterMs = options.retryAfterMs;
    this.retryable = options.retryable ?? errorCodes[code].retryable;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }

  /** The `error` object of the response body. */
  toObject(): ErrorObject {
    return { message: this.message, type: errorCodes[this.code].type, param: this.param, code: this.code };
  }
}
