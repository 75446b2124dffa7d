import type { ProviderError } from "@darkroom/providers";
import type { Delivery, Outcome } from "@darkroom/queue";

/** What the queue should make of a provider's failure, given what is stored of the generation already. */
export function outcomeOfError({ facts }: ProviderError, stored: Delivery | null): Outcome {
  const error = { code: facts.code, message: facts.message, param: facts.param };
  const partial = stored !== null && stored.images.length > 0 ? stored : undefined;
  if (facts.retryable) return { kind: "retry", error, retryAfterMs: facts.retryAfterMs, partial };
  return partial === undefined
    ? { kind: "failed", error, nothingCharged: !facts.mayHaveCharged }
    : { kind: "succeeded", delivery: partial };
}
