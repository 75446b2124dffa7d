import { ProviderError, type ProviderReply } from "@darkroom/providers";
import type { GenerationRecord } from "@darkroom/generations";

type Asked = Pick<GenerationRecord, "model" | "upstream">;

/**
 * What a provider did not deliver, as the caller is to be told it: where the upstream does not serve a retired model any more, which one
 * to ask for in its place. One error of several images stays one.
 */
export function explainRetirement(missing: ProviderReply["missing"], asked: Asked): ProviderReply["missing"] {
  const told = new Map(missing.map(({ error }) => [error, explained(error, asked)]));
  return missing.map(({ index, error }) => ({ index, error: told.get(error) ?? error }));
}

function explained(error: ProviderError, { model, upstream: { retired } }: Asked): ProviderError {
  if (error.facts.modelNotServed !== true || retired === undefined) return error;
  const { since, successor } = retired;
  const instead = successor === undefined ? "Ask for another model." : `Ask for '${successor}' in its place.`;
  return new ProviderError({
    ...error.facts,
    code: "invalid_request_error",
    message: `The provider does not serve '${model}' any more: it was switched off on ${since}. ${instead}`,
    param: "model",
  });
}
