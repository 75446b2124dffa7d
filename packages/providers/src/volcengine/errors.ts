import { z } from "zod";
import type { UpstreamRefusal } from "../http/post-json.ts";
import { redact, redactWord } from "../http/redact.ts";
import {
  accountCannotPay,
  badParameter,
  busy,
  modelNotServed,
  operatorsFault,
  refusalError,
  statusError,
  stumbled,
} from "../http/status-error.ts";
import { ProviderError } from "../provider-error.ts";

const text = z.string().nullish().catch(undefined);
export const arkErrorSchema = z.object({ code: text, message: text, param: text });
export type ArkError = z.output<typeof arkErrorSchema>;

const refusedPrompt = {
  code: "content_policy_violation",
  message: "The provider's safety system rejected the request. The prompt may contain text that is not allowed.",
  retryable: false,
} as const;

const refusedImage = {
  code: "moderation_blocked",
  message: "The provider's safety system rejected the image that was drawn.",
  retryable: false,
} as const;

/** Ark's codes (https://www.volcengine.com/docs/82379/1299023), the first pattern that fits. */
const verdicts = [
  [/^OutputImageSensitiveContentDetected|^OutputImage.*RiskDetection/, refusedImage],
  [/SensitiveContentDetected|RiskDetection/, refusedPrompt],
  [/^(AuthenticationError|InvalidAccountStatus|AccessDenied|OperationDenied)\b/, operatorsFault],
  [/^(InvalidEndpointOrModel|ModelNotOpen|InvalidEndpoint)\b/, modelNotServed],
  [/^(AccountOverdueError|QuotaExceeded|SetLimitExceeded)\b/, accountCannotPay],
  [/RateLimitExceeded|^(ServerOverloaded|RequestBurstTooFast)\b/, busy],
  [/^InternalServiceError\b/, stumbled],
] as const;

/** A refusal with an HTTP status of its own. */
export function toProviderError(refusal: UpstreamRefusal, secrets: readonly string[]): ProviderError {
  const parsed = z.object({ error: arkErrorSchema }).safeParse(refusal.body);
  return byCode(refusal, parsed.data?.error, secrets) ?? statusError(refusal, wordsOf(parsed.data?.error, secrets));
}

/**
 * An error inside a 200. Ark bills the images that it made (`usage.generated_images`), so a code that is known means nothing was
 * charged. One that is not known might mean anything, and is not tried again.
 */
export function errorInSuccess(
  error: ArkError,
  requestId: string | undefined,
  secrets: readonly string[],
): ProviderError {
  const refusal: UpstreamRefusal = { status: 200, body: undefined, retryAfterMs: undefined, requestId };
  return (
    byCode(refusal, error, secrets) ??
    refusalError(refusal, wordsOf(error, secrets), { ...stumbled, retryable: false, mayHaveCharged: true })
  );
}

function byCode(refusal: UpstreamRefusal, error: ArkError | undefined, secrets: readonly string[]) {
  const code = error?.code;
  if (!code) return undefined;
  const words = wordsOf(error, secrets);
  if (/^(MissingParameter|InvalidParameter)\b/.test(code)) return refusalError(refusal, words, badParameter(words));
  const found = verdicts.find(([pattern]) => pattern.test(code));
  return found === undefined ? undefined : refusalError(refusal, words, found[1]);
}

const wordsOf = (error: ArkError | undefined, secrets: readonly string[]) => ({
  code: redactWord(error?.code, secrets),
  message: error?.message ? redact(error.message, secrets) : undefined,
  param: redactWord(error?.param, secrets),
});
