import { noLimits } from "@darkroom/contracts";
import { expect, test } from "vitest";
import { limitHeaders } from "./limit-headers.ts";

const use = { requests: 3, images: 7, resetMs: 41_001 };

test("both limits are told in OpenAI's headers and in those of the IETF", () => {
  expect(limitHeaders({ ...noLimits, requests_per_minute: 60, images_per_minute: 100 }, use)).toEqual({
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "57",
    "x-ratelimit-reset-requests": "42s",
    "x-ratelimit-limit-images": "100",
    "x-ratelimit-remaining-images": "93",
    "x-ratelimit-reset-images": "42s",
    "ratelimit-policy": '"requests";q=60;w=60, "images";q=100;w=60',
    ratelimit: '"requests";r=57;t=42, "images";r=93;t=42',
  });
});

test("a limit that the key does not have is not told", () => {
  expect(limitHeaders({ ...noLimits, images_per_minute: 100 }, use)).toEqual({
    "x-ratelimit-limit-images": "100",
    "x-ratelimit-remaining-images": "93",
    "x-ratelimit-reset-images": "42s",
    "ratelimit-policy": '"images";q=100;w=60',
    ratelimit: '"images";r=93;t=42',
  });
});

test("limits that are not of a minute are told in no header", () => {
  expect(limitHeaders({ ...noLimits, concurrent_generations: 1, queued_generations: 1 }, use)).toEqual({});
});

test("a whole minute is 1m0s, and an unused one 0s", () => {
  const limits = { ...noLimits, requests_per_minute: 5 };
  const told = (resetMs: number) => limitHeaders(limits, { ...use, resetMs });
  expect(told(60_000)).toMatchObject({ "x-ratelimit-reset-requests": "1m0s", ratelimit: '"requests";r=2;t=60' });
  expect(told(59_000)).toMatchObject({ "x-ratelimit-reset-requests": "59s" });
  expect(told(0)).toMatchObject({ "x-ratelimit-reset-requests": "0s", ratelimit: '"requests";r=2;t=0' });
});

test("a limit that was lowered below what is used leaves nothing, and not less", () => {
  expect(limitHeaders({ ...noLimits, images_per_minute: 5 }, use)).toMatchObject({
    "x-ratelimit-remaining-images": "0",
    ratelimit: '"images";r=0;t=42',
  });
});
