import { expect, test } from "vitest";
import { imageFormat } from "./image-response.ts";

test.each([
  ["image/png", "png"],
  ["image/jpeg", "jpeg"],
  ["image/webp", "webp"],
  ["image/gif", "gif"],
  ["image/svg+xml", "svg"],
])("the format of %s is %s", (mediaType, format) => {
  expect(imageFormat(mediaType)).toBe(format);
});
