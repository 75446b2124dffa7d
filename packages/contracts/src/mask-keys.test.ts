import { expect, test } from "vitest";
import { ApiError } from "./api-error.ts";
import { maskKeys } from "./mask-keys.ts";

const hidden = "AbCdEf-_0123456789abcdef01";

test.each([
  [`GET /v1/models/sk-darkroom-ZyXwVu${hidden} was answered`, "GET /v1/models/sk-darkroom-ZyXwVu… was answered"],
  [`Bearer%20sk-darkroom-ZyXwVu${hidden}%20`, "Bearer%20sk-darkroom-ZyXwVu…%20"],
  [`'sk-proj-${hidden}'`, "'sk-…'"],
  [`{"a":"whsec_${hidden}+/="}`, '{"a":"whsec_…"}'],
  [`sk-darkroom-ZyXwVu${hidden},sk-darkroom-ZyXwVu${hidden}`, "sk-darkroom-ZyXwVu…,sk-darkroom-ZyXwVu…"],
  [`GET /v1/models/%20sk-proj-${hidden} was answered`, "GET /v1/models/%20sk-… was answered"],
  [`GET /v1/models/%2Fsk-${hidden}`, "GET /v1/models/%2Fsk-…"],
  [`Unknown parameter: 'x_sk-proj-${hidden}'.`, "Unknown parameter: 'x_sk-…'."],
  [`1sk-${hidden}`, "1sk-…"],
  [`keysk-${hidden.replaceAll("-", "")}`, "keysk-…"],
  [JSON.stringify({ prompt: `my key:\nsk-ant-api-${hidden}` }), '{"prompt":"my key:\\nsk-…"}'],
])("%s", (text, masked) => {
  expect(maskKeys(text)).toBe(masked);
});

test.each([
  "a task-force-of-seventeen-people at a desk-top-publishing-house",
  "the risk-analysis-team-of-2026, the disk-usage-report-17",
  "gen_01jd8m3v8e9q2w4r5t6y7z8x9c for key_0a1b2c3d4e5f6a7b8c9d0e1f, sk-darkroom-ZyXwVu",
  "",
])("%j has no key in it", (text) => {
  expect(maskKeys(text)).toBe(text);
});

test("a text made to be slow to search is searched in no time", () => {
  const text = "xsk-a-".repeat(20_000);
  const before = process.threadCpuUsage();
  expect(maskKeys(text)).toBe(text);
  expect(process.threadCpuUsage(before).user).toBeLessThan(2_000_000);
});

test("no error has a key in its words", () => {
  const key = `sk-darkroom-ZyXwVu${hidden}`;
  const error = new ApiError("invalid_request_error", `Unknown parameter: '${key}'.`, { param: key });
  expect(error.toObject()).toMatchObject({
    message: "Unknown parameter: 'sk-darkroom-ZyXwVu…'.",
    param: "sk-darkroom-ZyXwVu…",
  });
});
