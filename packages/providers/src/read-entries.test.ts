import { expect, test } from "vitest";
import { readEntries } from "./read-entries.ts";

test("an image in base64 that has no name is found, however large it is", () => {
  const base64 = "QUJD".repeat(4_000_000);
  expect(readEntries({ images: [base64] })).toEqual([{ sent: { sources: [base64] } }]);
});

test.each([
  `${"QUJD".repeat(100)}!`,
  "QUJD",
  "no image, but a sentence that is longer than any word and has a comma in it",
])("%j is no image", (text) => {
  expect(readEntries({ images: [text] })).toEqual([{ failure: null }]);
});

test("of a list of links to one image, no more are tried than a server has a reason to send", () => {
  const links = Array.from({ length: 1_000 }, (_, index) => `https://x.test/${index}.png`);
  expect(readEntries({ data: [{ url: links }] })).toEqual([{ sent: { sources: links.slice(0, 6) } }]);
});
