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
])("%s", (text, masked) => {
  expect(maskKeys(text)).toBe(masked);
});

test.each([
  "a task-force-of-seventeen-people at a desk-top-publishing-house",
  "gen_01jd8m3v8e9q2w4r5t6y7z8x9c for key_0a1b2c3d4e5f6a7b8c9d0e1f, sk-darkroom-ZyXwVu",
  "",
])("%j has no key in it", (text) => {
  expect(maskKeys(text)).toBe(text);
});

test("no error has a key in its words", () => {
  const key = `sk-darkroom-ZyXwVu${hidden}`;
  const error = new ApiError("invalid_request_error", `Unknown parameter: '${key}'.`, { param: key });
  expect(error.toObject()).toMatchObject({
    message: "Unknown parameter: 'sk-darkroom-ZyXwVu…'.",
    param: "sk-darkroom-ZyXwVu…",
  });
});
