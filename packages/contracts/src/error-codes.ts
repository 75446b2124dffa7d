/**
 * Every error the API can answer with: its HTTP status, OpenAI's `type`, and whether sending the same request again can help.
 * This is the one table; `docs/errors.md` shows it and a test holds the two together.
 *
 * `retryable` becomes `x-should-retry`, which OpenAI's SDKs obey over their own rule (408, 409, 429 and every 5xx are retried).
 */
export const errorCodes = {
  invalid_request_error: { status: 400, type: "invalid_request_error", retryable: false },
  content_policy_violation: { status: 400, type: "invalid_request_error", retryable: false },
  moderation_blocked: { status: 400, type: "invalid_request_error", retryable: false },
  billing_hard_limit_reached: { status: 400, type: "invalid_request_error", retryable: false },
  invalid_api_key: { status: 401, type: "authentication_error", retryable: false },
  permission_denied: { status: 403, type: "permission_error", retryable: false },
  model_not_allowed: { status: 403, type: "permission_error", retryable: false },
  model_unpriced: { status: 403, type: "permission_error", retryable: false },
  invalid_link: { status: 403, type: "permission_error", retryable: false },
  not_found: { status: 404, type: "invalid_request_error", retryable: false },
  expired: { status: 404, type: "invalid_request_error", retryable: false },
  method_not_allowed: { status: 405, type: "invalid_request_error", retryable: false },
  request_timeout: { status: 408, type: "invalid_request_error", retryable: true },
  conflict: { status: 409, type: "invalid_request_error", retryable: false },
  images_gone: { status: 410, type: "invalid_request_error", retryable: false },
  payload_too_large: { status: 413, type: "invalid_request_error", retryable: false },
  unsupported_media_type: { status: 415, type: "invalid_request_error", retryable: false },
  idempotency_mismatch: { status: 422, type: "invalid_request_error", retryable: false },
  rate_limit_exceeded: { status: 429, type: "rate_limit_exceeded", retryable: true },
  concurrency_limit_exceeded: { status: 429, type: "rate_limit_exceeded", retryable: true },
  queue_full: { status: 429, type: "rate_limit_exceeded", retryable: true },
  insufficient_quota: { status: 429, type: "rate_limit_exceeded", retryable: false },
  server_error: { status: 500, type: "server_error", retryable: false },
  upstream_error: { status: 502, type: "server_error", retryable: false },
  overloaded: { status: 503, type: "server_error", retryable: true },
  timeout_error: { status: 504, type: "server_error", retryable: false },
} as const satisfies Record<string, { status: number; type: string; retryable: boolean }>;

export type ErrorCode = keyof typeof errorCodes;

/** What an upstream says of a request that its caller has to change. */
const callersFaults: ReadonlySet<ErrorCode> = new Set([
  "invalid_request_error",
  "content_policy_violation",
  "moderation_blocked",
]);

/**
 * Whether a generation failed by a fault of its caller's request. An upstream's words about one quote the request, as in "Invalid value:
 * '…'": they are for the caller and go into the record, not into the log.
 */
export const isCallersFault = (code: ErrorCode): boolean => callersFaults.has(code);
