/** What is wrong with an address: it breaks a rule for good, or its name is not answered for just now. */
export type OutboundErrorCode = "INVALID_URL" | "PRIVATE_ADDRESS" | "NAME_NOT_FOUND" | "NAME_SERVER_FAILED";

/**
 * An address that nothing is sent to. `message` is for the one who chose the address and says nothing of what a name resolved to, or
 * anybody could ask us about the names of our own network; `detail` is for the log.
 */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
  readonly code: OutboundErrorCode;
  readonly detail: string;

  constructor(code: OutboundErrorCode, message: string, options: { detail?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail ?? message;
  }

  /** A name may come to life or back; what breaks a rule stays refused. */
  get retryable(): boolean {
    return this.code === "NAME_NOT_FOUND" || this.code === "NAME_SERVER_FAILED";
  }
}
