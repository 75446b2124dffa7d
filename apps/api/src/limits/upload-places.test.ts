import { expect, test } from "vitest";
import { createUploadPlaces } from "./upload-places.ts";

const refusal = expect.objectContaining({ code: "overloaded", retryAfterMs: 5_000 });

test("a tenant has sixteen uploads at a time, and one more when one of them is over", () => {
  const places = createUploadPlaces();
  const own = Array.from({ length: 16 }, () => places.take("acme"));
  expect(() => places.take("acme")).toThrow(refusal);
  places.take("other");
  own[3]?.();
  places.take("acme");
  expect(() => places.take("acme")).toThrow(refusal);
});

test("all tenants together have thirty-two", () => {
  const places = createUploadPlaces();
  for (let i = 0; i < 32; i++) places.take(`tenant-${i}`);
  expect(() => places.take("another")).toThrow(refusal);
});
