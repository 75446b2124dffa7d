import { z } from "zod";
import { type ErrorCode, errorCodes } from "./error-codes.ts";
import { maskKeys } from "./mask-keys.ts";

/** The error object of OpenAI's API: all four keys always, `param` and `code` null where they say nothing. */
export const errorObjectSchema = z.object({
  message: z.string(),
  type: z.string(),
  param: z.string().nullable(),
  code: z.string().nullable(),
});
export type ErrorObject = z.infer<typeof errorObjectSchema>;

export const errorBodySchema = z.object({ error: errorObjectSchema });
export type ErrorBody = z.infer<typeof errorBodySchema>;

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
 * the path or the parameter that it was put in, is cut out.
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

/** A caller's value in an error message. Long ones are cut: a message is for reading, and a prompt has no business in it. */
export function quoteValue(value: unknown): string {
  // Never made into text: that overflows the stack on a deep one, and trips over a `toString` of the caller's own.
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return `'${shorten(String(value))}'`;
}

/** At most 64 characters of a text, and a sign that there was more. */
export const shorten = (text: string): string => (text.length > 64 ? `${text.slice(0, 64).toWellFormed()}…` : text);

/** A number and what it counts, in words: `1 line`, `2 lines`. The noun is one whose plural has an s. */
export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
