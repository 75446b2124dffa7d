import {
  azureFilter,
  bad,
  busy,
  doubtful,
  invalid,
  json,
  ok,
  policy,
  refuses,
  type UpstreamAnswer,
} from "./row.fixture.ts";

/** Refusals on policy, rate limits, quota and the like, in every spelling, with every status. */
export const refusalAnswers: UpstreamAnswer[] = [
  // Refusals on policy, in the spellings of OpenAI, Azure, Ark and gateways, whatever the status.
  ...[400, 200].flatMap((status) =>
    (
      [
        ["content_policy_violation", { error: { code: "content_policy_violation", message: "No." } }, ""],
        [
          "Azure's code with inner_error",
          {
            error: {
              code: "content_policy_violation",
              message: "No.",
              inner_error: { code: "ResponsibleAIPolicyViolation", content_filter_results: azureFilter },
            },
          },
          "violence",
        ],
        [
          "content_filter with innererror",
          {
            error: {
              code: "content_filter",
              param: "prompt",
              message: "No.",
              status: 400,
              innererror: { code: "ResponsibleAIPolicyViolation", content_filter_result: azureFilter },
            },
          },
          "violence",
        ],
        ["contentFilter", { error: { code: "contentFilter", message: "No." } }, ""],
        [
          "an inner code alone",
          { error: { code: "BadRequest", message: "No.", innererror: { code: "ResponsibleAIPolicyViolation" } } },
          "",
        ],
        [
          "image_generation_user_error without a code",
          { error: { type: "image_generation_user_error", code: null, message: "No." } },
          "",
        ],
        [
          "InputTextSensitiveContentDetected",
          { error: { code: "InputTextSensitiveContentDetected", message: "No." } },
          "",
        ],
        [
          "InputTextSensitiveContentDetected.PolicyViolation",
          { error: { code: "InputTextSensitiveContentDetected.PolicyViolation", message: "No." } },
          "",
        ],
        [
          "OutputImageSensitiveContentDetected",
          { error: { code: "OutputImageSensitiveContentDetected", message: "No." } },
          "the image that was drawn",
        ],
        ["InputImageRiskDetection", { error: { code: "InputImageRiskDetection", message: "No." } }, ""],
        [
          "sensitive_words_detected of new-api",
          { error: { code: "sensitive_words_detected", type: "new_api_error", message: "No." } },
          "",
        ],
        ["the code at the top", { code: "content_policy_violation", message: "No." }, ""],
        [
          "a code lost, the words kept",
          { error: { message: "Your request was rejected as a result of our safety system.", type: "upstream_error" } },
          "",
        ],
        [
          "an error within the words of a gateway",
          {
            error: {
              message: json({ error: { code: "content_policy_violation", message: "No." } }),
              type: "upstream_error",
            },
          },
          "",
        ],
      ] as [string, object, string][]
    ).map(([name, body, says]) =>
      refuses(`${name} with ${status}`, bad(body, status), { ...policy, says: says || policy.says }),
    ),
  ),
  refuses(
    "moderation_blocked in a 200",
    ok({ error: { code: "moderation_blocked", type: "image_generation_user_error", message: "No." } }),
    { code: "moderation_blocked", says: "safety system" },
  ),
  refuses(
    "a policy refusal that a gateway sends as 500",
    bad({ error: { code: "content_filter", message: "No." } }, 500),
    policy,
  ),
  refuses(
    "a whole account that is blocked is not the caller's prompt",
    bad(
      {
        error: {
          code: "Forbidden",
          message:
            "Your resource has been temporarily blocked because we detected behavior that may violate our content policy.",
        },
      },
      403,
    ),
    { code: "upstream_error", says: "operator" },
  ),

  // Other errors in a 200.
  ...(
    [
      ["a rate limit", { error: { code: "rate_limit_exceeded", message: "Slow down." } }],
      ["a rate limit by number", { error: { code: 429, message: "Slow down." } }],
      ["a rate limit at the top", { code: 429, message: "Slow down." }],
      ["a rate limit as a status", { error: { status: "429", message: "Slow down." } }],
      ["Ark's rate limit", { error: { code: "ModelAccountIpmRateLimitExceeded", message: "Slow down." } }],
      ["a rate limit of an image", { data: [{ error: { code: "ServerOverloaded", message: "Slow down." } }] }],
    ] as [string, object][]
  ).map(([name, body]) => refuses(`${name} in a 200`, ok(body), busy, { outcome: "retried" })),
  ...[200, 400, 429].flatMap((status) =>
    ["insufficient_quota", "insufficient_user_quota", "AccountOverdueError", "insufficient_balance"].map((code) =>
      refuses(`${code} with ${status}`, bad({ error: { code, message: "Pay." } }, status), {
        code: "billing_hard_limit_reached",
        says: "account",
      }),
    ),
  ),
  refuses(
    "an invalid parameter in a 200",
    ok({
      error: { type: "invalid_request_error", code: "invalid_value", param: "quality", message: "Invalid value: 'x'." },
    }),
    invalid("Invalid value: 'x'.", "quality"),
  ),
  refuses(
    "an invalid parameter that a gateway sends as 502",
    bad({ error: { type: "invalid_request_error", param: "size", message: "The size is odd." } }, 502),
    invalid("The size is odd.", "size"),
  ),
  refuses(
    "a wrong key in a 200",
    ok({ error: { code: "invalid_api_key", message: "Incorrect API key provided: sk-abcdefghijklmnop." } }),
    { code: "upstream_error", says: "operator" },
  ),
  refuses("a model that is not there in a 200", ok({ error: { code: "model_not_found", message: "No such model." } }), {
    code: "upstream_error",
    says: "does not serve the model",
  }),
  ...(
    [
      ["an error object", { error: { message: "The sampler ran away." } }],
      ["an error in words", { error: "The sampler ran away." }],
      ["a message without success", { success: false, message: "The sampler ran away." }],
      ["an error in place of the images", { data: [{ error: { message: "The sampler ran away." } }] }],
      ["an error beside an empty list", { data: [], error: { message: "The sampler ran away." } }],
    ] as [string, object][]
  ).map(([name, body]) =>
    refuses(
      `${name} in a 200 keeps its words`,
      ok(body),
      { code: "upstream_error", says: "The sampler ran away." },
      doubtful,
    ),
  ),
];
