/**
 * Output tokens of one image of GPT Image 2 and later, by the calculator of OpenAI's image guide
 * (https://developers.openai.com/api/docs/guides/image-generation#cost-and-latency). The quality gives the longer side a number of
 * patches, the shorter side has as many as its length asks for (halves go to the even number), and a patch counts more tokens the
 * more pixels the image has. The guide shows a calculator and no formula; public readings of it agree, and so do its numbers: 196
 * tokens at low and 1024x1024, 5,488 at high and 1536x1024, 12,329 at high and 3584x2048.
 * @param longSidePatches patches along the longer side
 */
export function gridTokens(longSidePatches: number, width: number, height: number): number {
  const shortSidePatches = roundHalfToEven((longSidePatches * Math.min(width, height)) / Math.max(width, height));
  return Math.ceil((longSidePatches * shortSidePatches * (2_000_000 + width * height)) / 4_000_000);
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}
