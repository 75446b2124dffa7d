/** What is wrong with an address: it breaks a rule for good, or its name is not answered for just now. */
export type OutboundErrorCode = "INVALID_URL" | "PRIVATE_ADDRESS" | "NAME_NOT_FOUND" | "NAME_SERVER_FAILED";

/**
 * An address that nothing is sent to. `message` is for the one who chose the address, and is the same for every name that is no public one
 * (`ofName`): callers could otherwise ask us which names our own network has. `code` and `detail` are for the log.
 */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
  readonly code: OutboundErrorCode;
  readonly detail: string;
  /** Whether a look-up of the name has led to it, and not the URL as it stands. */
  isOfName = false;

  constructor(code: OutboundErrorCode, message: string, options: { detail?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail ?? message;
  }

  /** That nothing can be sent to a name, with one sentence for the caller whatever the reason is: see `message`. */
  static ofName(
    code: OutboundErrorCode,
    hostname: string,
    options: { detail: string; cause?: unknown },
  ): OutboundError {
    const error = new OutboundError(
      code,
      `The name ${hostname} has no addresses that the public internet can reach. Check its spelling, and that all of its addresses are public. If they are, try again later.`,
      options,
    );
    error.isOfName = true;
    return error;
  }

  /** A name may come to life or back; what breaks a rule stays refused. */
  get retryable(): boolean {
    return this.code === "NAME_NOT_FOUND" || this.code === "NAME_SERVER_FAILED";
  }
}
