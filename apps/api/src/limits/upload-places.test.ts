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

test("the share of a tenant falls as places run out, and the last place is for one that has none", () => {
  const places = createUploadPlaces();
  const takeAll = (tenant: string) => {
    for (let taken = 0; ; taken++) {
      try {
        places.take(tenant);
      } catch {
        return taken;
      }
    }
  };
  expect(["a", "b", "c", "d", "e", "f", "g"].map(takeAll)).toEqual([16, 8, 4, 2, 1, 1, 0]);
});

test("all tenants together have thirty-two", () => {
  const places = createUploadPlaces();
  for (let i = 0; i < 32; i++) places.take(`tenant-${i}`);
  expect(() => places.take("another")).toThrow(refusal);
});
