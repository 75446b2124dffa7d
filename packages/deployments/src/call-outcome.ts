import { isCallersFault } from "@darkroom/contracts";
import type { ProviderError, ProviderReply } from "@darkroom/providers";

/**
 * What a call says of its deployment. `answered`: it refused the caller's request, so it works. `limited`: its rate limit is reached. `failed`:
 * it failed, or broke off. `broken`: its account, key or model is wrong, which another call does not change.
 */
export type CallOutcome = "ok" | "answered" | "limited" | "failed" | "broken";

/** The account, the key, or who may call. */
const operatorsStatuses: ReadonlySet<number | undefined> = new Set([401, 402, 403, 407]);

/** Judges an error by itself. */
export function outcomeOfError({ facts }: ProviderError): Exclude<CallOutcome, "ok"> {
  if (facts.rateLimited === true) return "limited";
  if (isCallersFault(facts.code)) return "answered";
  if (facts.modelNotServed === true || facts.code === "billing_hard_limit_reached") return "broken";
  if (operatorsStatuses.has(facts.upstreamStatus)) return "broken";
  // A limit that never has room for this request, or for any: another request may have room.
  if (facts.upstreamStatus === 429) return "answered";
  return "failed";
}

/** The worst first: it says what the next call would meet. */
const worstFirst = ["broken", "limited", "failed", "answered"] as const;

/** Judges a call by all of its images. An image that came shows that the deployment works, unless a limit was met beside it. */
export function outcomeOfReply({ images, missing }: Pick<ProviderReply, "images" | "missing">): CallOutcome {
  const outcomes = new Set(missing.map(({ error }) => outcomeOfError(error)));
  if (images.length > 0) return outcomes.has("limited") ? "limited" : "ok";
  return worstFirst.find((outcome) => outcomes.has(outcome)) ?? "ok";
}
