import { expect, test } from "vitest";
import { baseUrlSchema, endpointOf } from "./base-url.ts";

const azure = "https://images.openai.azure.com/openai/deployments/gpt-image-1";

test.each([
  ["https://api.openai.com/v1", "https://api.openai.com/v1/images/generations"],
  ["https://api.openai.com/v1//", "https://api.openai.com/v1/images/generations"],
  ["http://127.0.0.1:4000", "http://127.0.0.1:4000/images/generations"],
  [`${azure}?api-version=2026-01-01`, `${azure}/images/generations?api-version=2026-01-01`],
  [`${azure}/?api-version=2026-01-01&a=b%20c`, `${azure}/images/generations?api-version=2026-01-01&a=b%20c`],
])("below %s is %s", (base, endpoint) => {
  expect(endpointOf(baseUrlSchema.parse(base), "/images/generations")).toBe(endpoint);
});

test.each([
  ["https://api.openai.com/v1#images", "must have no fragment and no user"],
  ["https://user:secret@gateway.example/v1", "must have no fragment and no user"],
  ["ftp://gateway.example", "must be an http or https URL"],
])("%s is refused", (base, reason) => {
  expect(baseUrlSchema.safeParse(base).error?.issues).toMatchObject([{ message: reason }]);
});
