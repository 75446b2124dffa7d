import type { ErrorCode } from "@darkroom/contracts";

export type ProviderErrorFacts = {
  code: ErrorCode;
  /** Shown to the caller: says what happened and what would help, without the provider's account, key or address. */
  message: string;
  /** The caller's parameter at fault, where the upstream names one. */
  param?: string | undefined;
  /** Whether the upstream says that it does not serve the model. */
  modelNotServed?: boolean | undefined;
  /** Whether the same call may succeed later. Only true where the upstream cannot have charged for this one. */
  retryable: boolean;
  /**
   * Whether the upstream refused the call for its rate limit: nothing is wrong with the call, and every other one is refused as well until
   * the limit has room again. Only set where `retryable` is.
   */
  rateLimited?: boolean | undefined;
  /** How long the upstream wants us to wait, in milliseconds: from `Retry-After`, else from its words. */
  retryAfterMs?: number | undefined;
  /**
   * Set where several upstreams serve the model and none has room: in so many milliseconds one may have. The limits are those upstreams', so
   * the lane goes on.
   */
  roomInMs?: number | undefined;
  /** True where the request may have been carried out although no image arrived: a timeout, a connection cut after sending. */
  mayHaveCharged: boolean;
  /** HTTP status of the upstream, where there was one. */
  upstreamStatus?: number | undefined;
  /** The upstream's code, request id, and own words except about the caller's request. Logged, never shown. */
  detail?: string | undefined;
  cause?: unknown;
};

/** A fact sheet on why a provider delivered no image. The queue decides from it; adapters never retry on their own. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  readonly facts: Readonly<ProviderErrorFacts>;

  constructor(facts: ProviderErrorFacts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.facts = facts;
  }
}
