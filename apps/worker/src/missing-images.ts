import type { ProviderError, ProviderReply } from "@darkroom/providers";
import type { Delivery, Failure, MissingImage, Outcome } from "@darkroom/generations";

/** Sorted by what becomes of them: some may be asked for again, the others are given up. */
export type SortedMissing = { retryable: ProviderReply["missing"]; givenUp: MissingImage[] };

/**
 * Sorts what a provider did not deliver, each image by its own error: only one whose error says so is asked for again, and never one
 * that the provider may have charged for.
 */
export function sortMissing(missing: ProviderReply["missing"]): SortedMissing {
  const rest = missing.filter((one) => !mayRetry(one));
  return { retryable: missing.filter(mayRetry), givenUp: rest.map(({ index, error }) => missingBy(index, error)) };
}

const mayRetry = ({ error: { facts } }: ProviderReply["missing"][number]): boolean =>
  facts.retryable && !facts.mayHaveCharged;

const missingBy = (index: number, { facts }: ProviderError): MissingImage => ({
  index,
  code: facts.code,
  message: facts.message,
  ...(facts.param !== undefined && { param: facts.param }),
  mayHaveCharged: facts.mayHaveCharged,
});

/** The end of a generation of which nothing is asked for any more: what is stored is delivered, else its failure stands. */
export function conclude(stored: Delivery | null, missing: readonly MissingImage[]): Outcome {
  if (stored !== null && stored.images.length > 0) {
    return { kind: "succeeded", delivery: stored, missing: inOrder(missing) };
  }
  const nothingCharged = !missing.some(({ mayHaveCharged }) => mayHaveCharged);
  return { kind: "failed", error: mostTelling(missing), nothingCharged };
}

/** The outcome where images may be tried again: of a failure its words, and of all their waits the longest, which suits each. */
export function tryAgain(
  stored: Delivery,
  retryable: ProviderReply["missing"],
  givenUp: readonly MissingImage[],
): Outcome {
  const [first] = retryable;
  if (first === undefined) throw new RangeError("There is no image to try again.");
  const { code, message, param } = first.error.facts;
  const limited = retryable.filter(({ error }) => error.facts.rateLimited === true).length;
  const rooms = retryable.flatMap(({ error }) => error.facts.roomInMs ?? []);
  const waits = retryable.map(({ error }) => error.facts.retryAfterMs ?? 0);
  return {
    kind: "retry",
    error: { code, message, param },
    retryAfterMs: Math.max(...waits) || undefined,
    partial: stored.images.length > 0 ? stored : undefined,
    missing: inOrder([...givenUp, ...retryable.map(({ index, error }) => missingBy(index, error))]),
    mayHaveCharged: givenUp.some(({ mayHaveCharged }) => mayHaveCharged),
    ...(limited > 0 && { rateLimited: limited === retryable.length ? "wholly" : "partly" }),
    ...(rooms.length > 0 && { roomInMs: Math.max(...rooms) }),
  };
}

/** A refusal tells a caller more than a doubt: it says what to change. */
function mostTelling(missing: readonly MissingImage[]): Failure {
  const told = missing.find(({ mayHaveCharged }) => !mayHaveCharged) ?? missing[0];
  if (told === undefined) throw new RangeError("A generation without images must have a reason for it.");
  return { code: told.code, message: told.message, param: told.param };
}

const inOrder = (missing: readonly MissingImage[]) => missing.toSorted((a, b) => a.index - b.index);
