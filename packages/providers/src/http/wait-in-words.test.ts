import { expect, test } from "vitest";
import { waitInWords } from "./wait-in-words.ts";

test.each([
  [
    "Rate limit reached for gpt-image-1 on input-images per min: Limit 5, Used 5. Please try again in 12s. Visit",
    12_000,
  ],
  ["Please try again in 1m3s.", 63_000],
  ["Please try again in 6m0s.", 360_000],
  ["Please try again in 1h2m3.5s.", 3_600_000],
  ["Please try again in 250ms.", 250],
  ["Please try again in 20.5s", 20_500],
  ["exceeded call rate limit of your current OpenAI S0 pricing tier. Please retry after 26 seconds. Please go", 26_000],
  ["Please retry after 1 second.", 1_000],
  ["Retry in 2 minutes and 5 seconds", 125_000],
  ["Please wait 30 seconds", 30_000],
  ["Try again in 86400 seconds", 3_600_000],
  ["Please try again in 300 milliseconds", 300],
])("%s: %s ms", (words, expectedMs) => {
  expect(waitInWords(words)).toBe(expectedMs);
});

test.each([
  "Please try again later.",
  "Limit: 5/1min. Current: 6/1min.",
  "Retry after 26",
  "Try again in 3 months",
  "Rate limit reached: 12s of audio per request.",
  "",
])("%j names no time", (words) => {
  expect(waitInWords(words)).toBeUndefined();
});
