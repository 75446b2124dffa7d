import { expect, test } from "vitest";
import { gridTokens } from "./grid-tokens.ts";

// GPT Image 2 has 16, 48 and 96 patches at low, medium and high.
test.each([
  [16, 1024, 1024, 196],
  [48, 1024, 1024, 1_756],
  [96, 1024, 1024, 7_024],
  [96, 1536, 1024, 5_488],
  [96, 1024, 1536, 5_488],
  [48, 1536, 1024, 1_372],
  [96, 3584, 2048, 12_329],
  [64, 1024, 1024, 3_122],
  [48, 3840, 2160, 3_336],
  // Half a patch: 16 * 1376 / 2752 is eight and 16 * 720 / 1536 is seven and a half, which is eight.
  [16, 1536, 720, 100],
])("%i patches on %ix%i are %i tokens", (patches, width, height, tokens) => {
  expect(gridTokens(patches, width, height)).toBe(tokens);
});
