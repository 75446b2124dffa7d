import { z } from "zod";
import type { UpstreamRefusal } from "../http/post-json.ts";
import { redact, redactWord } from "../http/redact.ts";
import { accountCannotPay, modelNotServed, operatorsFault, refusalError, statusError } from "../http/status-error.ts";
import { ProviderError } from "../provider-error.ts";

const text = z.string().nullish().catch(undefined);
const errorSchema = z.object({
  error: z.union([
    z.object({
      message: text,
      type: text,
      code: text,
      param: text,
      moderation_details: z
        .object({ moderation_stage: text, categories: z.array(z.string()).nullish() })
        .nullish()
        .catch(undefined),
    }),
    z.string().transform((message) => ({
      message,
      type: undefined,
      code: undefined,
      param: undefined,
      moderation_details: undefined,
    })),
  ]),
});

/**
 * OpenAI's refusals by their `code`, and by status where the code says nothing. The messages behind `invalid_request_error` are
 * OpenAI's own, with keys, accounts and prompts cut out: they name the values that would be right.
 */
export function toProviderError(refusal: UpstreamRefusal, secrets: readonly string[]): ProviderError {
  const parsed = errorSchema.safeParse(refusal.body);
  const error = parsed.success ? parsed.data.error : undefined;
  const words = {
    code: redactWord(error?.code || error?.type, secrets),
    message: error?.message ? redact(error.message, secrets) : undefined,
    param: redactWord(error?.param, secrets),
  };
  switch (words.code) {
    case "content_policy_violation":
      return refusalError(refusal, words, {
        code: "content_policy_violation",
        message: "The provider's safety system rejected the request. The prompt may contain text that is not allowed.",
        retryable: false,
      });
    case "moderation_blocked": {
      const drawn = error?.moderation_details?.moderation_stage === "output";
      const categories =
        redactWord(error?.moderation_details?.categories?.join(", "), secrets) ??
        /safety_violations=\[([\w, /-]+)\]/.exec(words.message ?? "")?.[1];
      return refusalError(refusal, words, {
        code: "moderation_blocked",
        message: `The provider's safety system rejected ${drawn ? "the image that was drawn" : "the request"}${categories ? `, for: ${categories}` : ""}.`,
        retryable: false,
        mayHaveCharged: drawn,
      });
    }
    case "billing_hard_limit_reached":
    case "insufficient_quota":
      return refusalError(refusal, words, accountCannotPay);
    case "model_not_found":
      return refusalError(refusal, words, modelNotServed);
  }
  // Both are ours to send, not the caller's: the model is mapped by the operator, the response format chosen by this adapter.
  if (words.param === "model") return refusalError(refusal, words, modelNotServed);
  if (words.param === "response_format") return refusalError(refusal, words, operatorsFault);
  return statusError(refusal, words);
}

/**
 * An error that came as an event, after the stream had begun: by then the model was at work, so it may have been charged and is not
 * tried again. An event has no status, and its `type` only tells the caller's fault from the provider's.
 */
export function toStreamError(body: unknown, secrets: readonly string[]): ProviderError {
  const type = errorSchema.safeParse(body).data?.error.type ?? "";
  const status = /invalid_request|user_error/.test(type) ? 400 : 500;
  const { facts } = toProviderError({ status, body, requestId: undefined, retryAfterMs: undefined }, secrets);
  return new ProviderError({
    ...facts,
    retryable: false,
    mayHaveCharged: true,
    upstreamStatus: 200,
    detail: facts.detail?.replace(`HTTP ${status}`, "error event"),
  });
}
