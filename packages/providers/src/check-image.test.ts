import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { checkImage } from "./check-image.ts";
import { failureOf } from "./examine-provider.fixture.ts";

/** Noise, so that cutting the file cuts pixels. */
const noise = sharp({
  create: {
    width: 200,
    height: 150,
    channels: 3,
    background: "#000",
    noise: { type: "gaussian", mean: 128, sigma: 40 },
  },
});
const formats = ["png", "jpeg", "webp"] as const;
const files = Object.fromEntries(
  await Promise.all(formats.map(async (format) => [format, await noise.clone().toFormat(format).toBuffer()] as const)),
);
const file = (format: string) => files[format] ?? Buffer.alloc(0);

describe.each(formats)("a %s", (format) => {
  test("is known by its content, whatever it is called", async () => {
    const expected = { mediaType: `image/${format}`, width: 200, height: 150 };
    for (const claimed of [undefined, `image/${format}`, "application/octet-stream", ""]) {
      expect(await checkImage(file(format), claimed)).toMatchObject(expected);
    }
  });

  test.each([0.99, 0.9, 0.5, 0.1])("that ends at %s of its length is refused", async (part) => {
    const cut = file(format).subarray(0, Math.floor(file(format).length * part));
    expect((await failureOf(checkImage(cut))).facts).toMatchObject({
      code: "upstream_error",
      mayHaveCharged: true,
      retryable: false,
    });
  });

  test("that claims to be another type is refused", async () => {
    const claimed = format === "png" ? "image/jpeg" : "image/png";
    expect((await failureOf(checkImage(file(format), claimed))).facts.detail).toBe(
      `the image claims to be ${claimed} and is image/${format}`,
    );
  });
});

test("image/jpg is a JPEG too", async () => {
  expect(await checkImage(file("jpeg"), "image/jpg")).toMatchObject({ mediaType: "image/jpeg" });
});

test("an SVG, which could name other files, is refused", async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>');
  expect((await failureOf(checkImage(svg))).facts.detail).toBe("the image is of the type svg");
});

test("an image of more pixels than anybody draws is refused without decoding it", async () => {
  const huge = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: "#123" } })
    .png()
    .toBuffer();
  expect((await failureOf(checkImage(huge))).facts.code).toBe("upstream_error");
});
