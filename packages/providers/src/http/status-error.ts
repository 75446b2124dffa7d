import { isCallersFault } from "@darkroom/contracts";
import { ProviderError, type ProviderErrorFacts } from "../provider-error.ts";
import type { UpstreamRefusal } from "./post-json.ts";
import { waitInWords } from "./wait-in-words.ts";

/** What an upstream said in its error body, already parsed and redacted by the adapter. */
export type UpstreamWords = { code?: string | undefined; message?: string | undefined; param?: string | undefined };

export type Verdict = Pick<ProviderErrorFacts, "code" | "message" | "retryable" | "rateLimited" | "modelNotServed"> & {
  mayHaveCharged?: boolean;
};

/**
 * The verdict where nothing but the HTTP status is known. An error that the model's own server reports means that nothing was drawn. A
 * gateway in front of it knows less: it stopped waiting (504, 524), or lost the connection after it had passed the request on (502, and
 * Cloudflare's 520), while the model may have drawn the image and charged for it. Cloudflare's other codes (521 to 523, 525, 526, 530)
 * tell of connections to the model that never came about (https://developers.cloudflare.com/support/troubleshooting/http-status-codes/).
 */
export function statusError(refusal: UpstreamRefusal, words: UpstreamWords): ProviderError {
  return refusalError(refusal, words, verdictOf(refusal, words));
}

/** Joins a verdict with the facts of the answer. */
export function refusalError(refusal: UpstreamRefusal, words: UpstreamWords, verdict: Verdict): ProviderError {
  return new ProviderError({
    mayHaveCharged: false,
    ...verdict,
    param: verdict.code === "invalid_request_error" ? words.param : undefined,
    retryAfterMs: verdict.retryable ? waitOf(refusal, words) : undefined,
    upstreamStatus: refusal.status,
    detail: [
      `HTTP ${refusal.status}`,
      words.code,
      isCallersFault(verdict.code) ? undefined : words.message,
      refusal.requestId,
    ]
      .filter(Boolean)
      .join(" · "),
  });
}

/** How long the upstream wants us to wait, in milliseconds: its header counts, and its words where it sends none. */
const waitOf = (refusal: UpstreamRefusal, words: UpstreamWords): number | undefined =>
  refusal.retryAfterMs ?? (words.message === undefined ? undefined : waitInWords(words.message));

function verdictOf(refusal: UpstreamRefusal, words: UpstreamWords): Verdict {
  const { status } = refusal;
  if (isOutOfMoney(words)) return accountCannotPay;
  if (status === 401 || status === 403 || status === 407) return operatorsFault;
  if (status === 402) return accountCannotPay;
  if (status === 404 || status === 410) return modelNotServed;
  if (status === 429) return limitVerdict(words);
  if (status === 529) return busy;
  // A 503 that names a time is a limit. Without one it may be an outage, which need not end.
  if (status === 503) return { ...busy, rateLimited: waitOf(refusal, words) !== undefined };
  if (status === 504 || status === 524) return gatewayGaveUp;
  if (status === 502 || status === 520) return gatewayLostAnswer;
  if (status === 408 || status === 409 || status === 425 || status >= 500) return stumbled;
  if (status >= 400) return badParameter(words);
  return { ...operatorsFault, message: "The provider's answer does not follow its API." };
}

/** OpenAI tells a limit that never has room for the request by its numbers: "Limit 5, Used 0, Requested 10". */
function limitVerdict({ message = "" }: UpstreamWords): Verdict {
  const [, limit, requested] = /\blimit:? (\d+)\b.*\brequested:? (\d+)\b/i.exec(message) ?? [];
  if (limit !== undefined && Number(limit) === 0) return limitIsZero;
  if (/^request too large\b/i.test(message) || Number(requested) > Number(limit)) return largerThanLimit;
  return busy;
}

/**
 * Whether the refusal is about money, whatever its status: OpenAI, Ark, Moonshot, and the gateways new-api and one-api. Gateways often pass
 * the words on and not the code. "Billing" alone says nothing: OpenAI's rate limit advises to add a payment method.
 */
export const isOutOfMoney = ({ code = "", message = "" }: UpstreamWords): boolean =>
  /^(insufficient_(user_|account_)?(quota|balance|credits?|funds)|billing_(hard_limit_reached|not_active)|exceeded_current_quota_error|AccountOverdueError|SetLimitExceeded)$/i.test(
    code,
  ) ||
  /exceeded your current quota|(billing|spend(ing)?) hard limit|insufficient (\w+ )?(quota|balance|credits?|funds)\b|account is not active, please check your billing/i.test(
    message,
  );

/** The caller sent it and the caller can change it: the upstream's own words say how. */
export const badParameter = (words: UpstreamWords): Verdict => ({
  code: "invalid_request_error",
  message: words.message ?? "The provider refused the request as invalid.",
  retryable: false,
});

/** Key, account state, permission: the operator's settings are wrong, and the caller learns no more than that. */
export const operatorsFault: Verdict = {
  code: "upstream_error",
  message: "The provider refused this service. The operator has to check the provider's settings.",
  retryable: false,
};

/**
 * The operator's account with the provider is out of money. `billing_hard_limit_reached` is what OpenAI says of a paying account;
 * `insufficient_quota` stays free for the caller's own budget here, which this is not.
 */
export const accountCannotPay: Verdict = {
  code: "billing_hard_limit_reached",
  message: "This service's account with the provider has reached its limit. The operator has to raise it.",
  retryable: false,
};

/** The caller's model is in our catalogue, so it is the mapping to the upstream's model that is wrong: not a 404 of the caller's. */
export const modelNotServed: Verdict = {
  code: "upstream_error",
  message: "The provider does not serve the model that this one is mapped to. The operator has to map it to another.",
  retryable: false,
  modelNotServed: true,
};

/** The operator's rate at the provider is used up. Not `rate_limit_exceeded`: the caller's own limit, told in headers, is not. */
const busy: Verdict = {
  code: "overloaded",
  message: "The provider is busy and accepts no requests at the moment.",
  retryable: true,
  rateLimited: true,
};

const limitIsZero: Verdict = {
  code: "upstream_error",
  message: "The provider's rate limit of this model is zero for this service. The operator has to have it raised.",
  retryable: false,
};

const largerThanLimit: Verdict = {
  code: "upstream_error",
  message:
    "The request asks for more at once than the provider's rate limit for this service allows. Ask for fewer images at a time.",
  retryable: false,
};

export const stumbled: Verdict = {
  code: "upstream_error",
  message: "The provider failed while handling the request.",
  retryable: true,
};

const gatewayGaveUp: Verdict = {
  code: "timeout_error",
  message:
    "The provider did not finish in time. It is not known whether it drew the images, so the request was not sent again.",
  retryable: false,
  mayHaveCharged: true,
};

const gatewayLostAnswer: Verdict = {
  code: "upstream_error",
  message:
    "A gateway in front of the provider lost its answer. It is not known whether the images were drawn, so the request was not sent again.",
  retryable: false,
  mayHaveCharged: true,
};
