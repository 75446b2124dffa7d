import type { ProviderImage, ProviderReply } from "./image-provider.ts";
import { ProviderError } from "./provider-error.ts";

/**
 * Waits for every image of a call, side by side, and sorts them: what came is delivered, what failed is missing with its reason.
 * Where nothing came, throws one error for all of them: the most telling one's words, and the caution of every one.
 * A reason of `signal`, or a fault that is no `ProviderError`, is thrown as it stands.
 */
export async function collectImages(
  indexes: readonly number[],
  signal: AbortSignal,
  receive: (index: number, position: number) => Promise<ProviderImage>,
): Promise<Pick<ProviderReply, "images" | "missing">> {
  const settled = await Promise.allSettled(indexes.map((index, position) => receive(index, position)));
  signal.throwIfAborted();
  const images: ProviderImage[] = [];
  const missing: ProviderReply["missing"] = [];
  for (const [position, index] of indexes.entries()) {
    const result = settled[position];
    if (result?.status === "fulfilled") images.push(result.value);
    else if (result?.reason instanceof ProviderError) missing.push({ index, error: result.reason });
    else throw result?.reason;
  }
  if (images.length === 0) throw mostTelling(missing.map(({ error }) => error));
  return { images, missing };
}

/**
 * A final error tells more than one that a retry may mend. Retrying is only safe when no call of all may have been charged, so that
 * is asked of each; and the longest wait is the one that suits all.
 */
function mostTelling(errors: readonly ProviderError[]): ProviderError {
  const error =
    errors.find(({ facts }) => !facts.retryable && !facts.mayHaveCharged) ??
    errors.find(({ facts }) => !facts.retryable) ??
    errors[0];
  if (error === undefined) throw new RangeError("A provider was called for no image at all.");
  if (errors.length === 1) return error;
  const waits = errors.map(({ facts }) => facts.retryAfterMs ?? 0);
  return new ProviderError({
    ...error.facts,
    mayHaveCharged: errors.some(({ facts }) => facts.mayHaveCharged),
    retryAfterMs: error.facts.retryable ? Math.max(...waits) || undefined : undefined,
    cause: new AggregateError(errors, "Every image failed."),
  });
}
