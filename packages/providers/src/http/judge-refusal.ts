import { missingImage } from "../bad-delivery.ts";
import { ProviderError } from "../provider-error.ts";
import type { UpstreamRefusal } from "./post-json.ts";
import { type Reason, readReason } from "./read-reason.ts";
import { withoutAddresses } from "./redact.ts";
import {
  accountCannotPay,
  badParameter,
  isOutOfMoney,
  modelNotServed,
  operatorsFault,
  refusalError,
  statusError,
  stumbled,
  type Verdict,
} from "./status-error.ts";

/**
 * What codes mean, the first pattern that fits any of them. One table for all adapters, since gateways pass on what is behind them:
 * OpenAI, Azure, new-api, and Ark (https://www.volcengine.com/docs/82379/1299023).
 */
const verdicts: readonly (readonly [RegExp, (reason: Reason) => Verdict])[] = [
  [/^moderation_blocked\b/i, (reason) => rejected("moderation_blocked", reason)],
  // Ark does not charge for an image that it drew and rejected.
  [
    /^Output\w*(SensitiveContentDetected|RiskDetection)\b/,
    (reason) => ({ ...policy({ ...reason, drawn: true }), mayHaveCharged: false }),
  ],
  [
    /content_?policy|content_?filter|ResponsibleAI|SensitiveContentDetected|RiskDetection|^sensitive_words_detected\b|DataInspectionFailed/i,
    (reason) => policy(reason),
  ],
  [
    /^(AuthenticationError|InvalidAccountStatus|AccessDenied|OperationDenied|InvalidSubscription|invalid_api_key|authentication_error)\b/i,
    () => operatorsFault,
  ],
  [/^(QuotaExceeded|Arrearage)\b/, () => accountCannotPay],
  [
    /^(model_not_found|InvalidEndpoint|InvalidEndpointOrModel|ModelNotOpen|UnsupportedModel|DeploymentNotFound)\b/i,
    () => modelNotServed,
  ],
  // Ark's risk service failed, not the request.
  [/^(InternalServiceError|ContentSecurityDetectionError)\b/, () => stumbled],
  // OpenAI's type of refusals on policy, which names no code for some of them.
  [/^image_generation_user_error\b/, (reason) => policy(reason)],
];

/** A refusal on policy whose code got lost on the way. Azure's "resource has been blocked" tells of the account, and is not one. */
const policyInWords = /\bsafety system\b|content management policy|safety_violations=\[/i;
/** What counts as a 429, whatever the status. */
const rateLimited =
  /rate_?limit|too_?many_?requests|^(ServerOverloaded|overloaded_error|RequestBurstTooFast|InflightBatchsizeExceeded)\b/i;
const invalidRequest =
  /^(invalid_request_error|(invalid|missing|unknown|unsupported)_?(parameter|value|size|prompt|image\w*))\b/i;

/**
 * The verdict on an answer that delivers nothing, by its codes whatever the status, by its words where a gateway lost the code, and by its
 * status where they say nothing. `answer` is a refusal, or a success that delivers nothing. A success that reports an unknown failure may have been charged, and is not tried again.
 *
 * @param secrets what must not be repeated: the key, the prompt
 */
export function judgeRefusal(answer: UpstreamRefusal, secrets: readonly string[]): ProviderError {
  const isSuccess = answer.status >= 200 && answer.status <= 299;
  const reason = readReason(answer.body, secrets);
  if (reason === undefined) return isSuccess ? missingImage() : statusError(answer, {});
  const byCode = verdictOf(reason, answer.status);
  if (byCode !== undefined) return refusalError(answer, reason, byCode);
  if (reason.codes.some((code) => rateLimited.test(code))) return asIfStatus(429, answer, reason);
  const isInvalid = reason.codes.some((code) => invalidRequest.test(code));
  // Both are ours to send, not the caller's: the model is mapped by the operator, the response format chosen by the adapter.
  if (reason.param === "model" && answer.status !== 401) return refusalError(answer, reason, modelNotServed);
  if (reason.param === "response_format") return refusalError(answer, reason, operatorsFault);
  if (isInvalid && (isSuccess || answer.status >= 500)) return refusalError(answer, reason, badParameter(reason));
  if (!isSuccess) return withWords(statusError(answer, reason), reason);
  if (reason.status === undefined) return withWords(refusalError(answer, reason, failedInSuccess), reason);
  return withWords(asIfStatus(reason.status, answer, reason), reason);
}

/** The verdict on an answer whose words are those of another status. */
function asIfStatus(status: number, answer: UpstreamRefusal, reason: Reason): ProviderError {
  const { facts } = statusError({ ...answer, status }, reason);
  const detail = facts.detail?.replace(`HTTP ${status}`, `HTTP ${answer.status}`);
  return new ProviderError({ ...facts, upstreamStatus: answer.status, detail });
}

/**
 * The verdict on a failure that came as an event. Where something of an image has come before, the model was at work: it may have been
 * charged and is not tried again. A gateway that opens its stream before it has asked the model sends a refusal as the first event, which
 * counts as one in the body of a success does.
 */
export function judgeEvent(body: unknown, secrets: readonly string[], hasBegun: boolean): ProviderError {
  const answer = { status: 200, body, requestId: undefined, retryAfterMs: undefined };
  const { facts } = judgeRefusal(answer, secrets);
  const detail = facts.detail?.replace("HTTP 200", "error event");
  if (!hasBegun) return new ProviderError({ ...facts, detail });
  return new ProviderError({
    ...facts,
    retryable: false,
    rateLimited: undefined,
    retryAfterMs: undefined,
    mayHaveCharged: true,
    detail,
  });
}

function verdictOf(reason: Reason, status: number): Verdict | undefined {
  for (const [pattern, verdict] of verdicts)
    if (reason.codes.some((code) => pattern.test(code))) return verdict(reason);
  if (reason.codes.some((code) => isOutOfMoney({ code })) || isOutOfMoney({ message: reason.message }))
    return accountCannotPay;
  const isAccount = status === 401 || status === 403;
  return !isAccount && policyInWords.test(reason.message ?? "") ? policy(reason) : undefined;
}

const policy = (reason: Reason): Verdict => rejected("content_policy_violation", reason);

/** What was drawn before it was rejected may be charged. */
const rejected = (
  code: "content_policy_violation" | "moderation_blocked",
  { drawn, categories, message }: Reason,
): Verdict => {
  const named = categories.join(", ") || /safety_violations=\[([\w, /-]+)\]/.exec(message ?? "")?.[1];
  const what = drawn ? "the image that was drawn" : "the request";
  const advice = drawn || named !== undefined ? "" : " The prompt may contain text that is not allowed.";
  return {
    code,
    message: `The provider's safety system rejected ${what}${named === undefined ? "" : `, for: ${named}`}.${advice}`,
    retryable: false,
    mayHaveCharged: drawn,
  };
};

const failedInSuccess: Verdict = { ...stumbled, retryable: false, mayHaveCharged: true };

/** A failure that is neither the caller's nor the operator's fault is told in the upstream's own words as well. Of the operator's account they are not the caller's. */
function withWords({ facts }: ProviderError, { message }: Reason): ProviderError {
  const isOpen = facts.message === stumbled.message && message !== undefined;
  if (!isOpen) return new ProviderError(facts);
  const words = withoutAddresses(message).replace(/[.\s]+$/, "");
  return new ProviderError({ ...facts, message: `${facts.message} It says: ${words}.` });
}
