import { noLimits } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import type { Admission } from "./admission.ts";
import { type Refusal, refusalError } from "./refusal-error.ts";

const admission: Admission = {
  limits: {
    ...noLimits,
    requests_per_minute: 60,
    images_per_minute: 100,
    concurrent_generations: 20,
    queued_generations: 5,
  },
  budget: { day: 1_500_000, month: 20_000_000, total: 500_000_000 },
  images: 4,
  worstCaseMicros: 160_018,
};

const refused = (refusal: Partial<Refusal>, more: Partial<Admission> = {}) =>
  refusalError({ reason: "requests", waitMs: 0, left: 0, ...refusal }, { ...admission, ...more });

const factsOf = ({ code, message, retryAfterMs, retryable }: ReturnType<typeof refused>) => ({
  code,
  message,
  retryAfterMs,
  retryable,
});

describe("what comes right by waiting says for how long, and may be sent again", () => {
  test.each([
    [
      "requests",
      { waitMs: 12_001, left: 0 },
      "rate_limit_exceeded",
      12_001,
      "Rate limit reached for requests: this API key may make 60 a minute. Try again in 13 s.",
    ],
    [
      "images",
      { waitMs: 1, left: 3 },
      "rate_limit_exceeded",
      1,
      "Rate limit reached for images: this API key may ask for 100 a minute, 3 of them are left, and this request asks for 4. Try again in 1 s.",
    ],
    [
      "concurrent",
      {},
      "concurrency_limit_exceeded",
      2_000,
      "This API key may have 20 generations at a time, and has that many. Send the request again when one has ended.",
    ],
    [
      "queued",
      {},
      "queue_full",
      2_000,
      "This API key may have 5 generations waiting, and has that many. Send the request again when one has begun.",
    ],
  ] as const)("%s", (reason, refusal, code, retryAfterMs, message) => {
    const error = refused({ reason, ...refusal });
    expect(factsOf(error)).toMatchObject({ code, message, retryAfterMs, retryable: true });
    expect(error.status).toBe(429);
  });
});

describe("a budget that is used up is no reason to retry", () => {
  const counted = "with generations under way counted at their worst case, and this request may cost $0.160018.";
  test.each([
    ["day", 3_600_000, `This API key may spend $1.50 for this day (UTC); $0.02 is left, ${counted}`],
    ["month", 86_400_000, `This API key may spend $20.00 for this month (UTC); $0.02 is left, ${counted}`],
    ["total", undefined, `This API key may spend $500.00; $0.02 is left, ${counted}`],
  ] as const)("%s", (reason, retryAfterMs, message) => {
    const error = refused({ reason, waitMs: retryAfterMs ?? 0, left: 20_000 });
    expect(factsOf(error)).toMatchObject({
      code: "insufficient_quota",
      message,
      retryable: false,
    });
    expect(error.status).toBe(429);
    expect(error.retryAfterMs).toBe(retryAfterMs);
  });

  test("nor is the next day one for a request that is dearer than a whole day", () => {
    const refusal = { reason: "day", waitMs: 3_600_000, left: 1_500_000 } as const;
    expect(refused(refusal, { worstCaseMicros: 1_500_001 }).retryAfterMs).toBeUndefined();
    expect(refused(refusal, { worstCaseMicros: 1_500_000 }).retryAfterMs).toBe(3_600_000);
  });

  test.each([
    [0, "$0.00"],
    [1, "$0.000001"],
    [18, "$0.000018"],
    [40_000, "$0.04"],
    [999_999, "$0.999999"],
    [1_000_000, "$1.00"],
    [12_345_600_000, "$12345.60"],
  ])("%i micros are told as %s", (left, dollars) => {
    expect(refused({ reason: "total", left }).message).toContain(`; ${dollars} is left,`);
  });
});
