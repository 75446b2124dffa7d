import { describe, expect, test } from "vitest";
import { imageExtension } from "./image-extension.ts";

describe("the extension of an image is", () => {
  test.each([
    ["png", "\x89PNG\r\n\x1a\n"],
    ["jpg", "\xff\xd8\xff\xe0"],
    ["webp", "RIFF\0\0\0\0WEBPVP8 "],
    ["gif", "GIF89a"],
    ["svg", '<svg xmlns="http://www.w3.org/2000/svg"/>'],
    ["svg", "<svg/>"],
    ["svg", '<?xml version="1.0"?><svg/>'],
    ["svg", "\xef\xbb\xbf<svg/>"],
    ["svg", "\n\n  <!-- drawn --><svg/>"],
    ["svg", "<s:svg/>"],
  ])("%s by the bytes %j, whatever it is called", (extension, bytes) => {
    expect(imageExtension(Buffer.from(bytes, "latin1"), "image/avif")).toBe(extension);
  });

  test.each([
    ["svg", "image/svg+xml; charset=utf-8"],
    ["avif", "image/avif"],
    [undefined, "text/html"],
    [undefined, undefined],
  ])("%s by the type %s, where the bytes say nothing", (extension, type) => {
    expect(imageExtension(Buffer.from("<html>"), type)).toBe(extension);
  });
});
