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
  test("is known by its content", async () => {
    const expected = { mediaType: `image/${format}`, width: 200, height: 150 };
    expect(await checkImage(file(format))).toMatchObject(expected);
  });

  test.each([0.99, 0.9, 0.5, 0.1])("that ends at %s of its length is refused", async (part) => {
    const cut = file(format).subarray(0, Math.floor(file(format).length * part));
    expect((await failureOf(checkImage(cut))).facts).toMatchObject({
      code: "upstream_error",
      mayHaveCharged: true,
      retryable: false,
    });
  });
});

const svg = (inside: string, attributes = 'width="10" height="20"') =>
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${inside}</svg>`);

describe("an animated GIF", () => {
  const shades = ["#111", "#444", "#777", "#aaa", "#ddd"].map((fill) =>
    svg(`<rect width="100%" height="100%" fill="${fill}"/><circle r="20" fill="red"/>`, 'width="64" height="48"'),
  );
  const animation = (count: number) =>
    sharp(shades.slice(0, count), { join: { animated: true } })
      .gif({ delay: Array<number>(count).fill(200), loop: 0 })
      .toBuffer();

  test("has the sides of a frame", async () => {
    const bytes = await animation(5);
    expect(await checkImage(bytes)).toEqual({ bytes, mediaType: "image/gif", width: 64, height: 48 });
  });

  test.each([0.99, 0.9, 0.5, 0.1])("that ends at %s of its length is refused", async (part) => {
    const bytes = await animation(5);
    const { facts } = await failureOf(checkImage(bytes.subarray(0, Math.floor(bytes.length * part))));
    expect(facts).toMatchObject({ code: "upstream_error", mayHaveCharged: true });
    expect(facts.detail).toContain("it ends within frame");
  });

  test("whose frames have more pixels than anybody draws is refused without decoding it", async () => {
    const bytes = await animation(2);
    bytes.writeUInt16LE(9_000, 6);
    bytes.writeUInt16LE(9_000, 8);
    expect((await failureOf(checkImage(bytes))).facts.detail).toContain("it has 2 frames of 9000x9000");
  });

  test("of more frames than anybody draws is refused without decoding it", async () => {
    const bytes = await animation(2);
    const frame = bytes.subarray(bytes.lastIndexOf(Buffer.from([0x21, 0xf9])), -1);
    const many = Buffer.concat([bytes.subarray(0, -1), ...Array<Buffer>(99).fill(frame), Buffer.of(0x3b)]);
    expect((await failureOf(checkImage(many))).facts.detail).toContain("it has 101 frames");
  });
});

describe("an SVG", () => {
  test("comes as it is, with its sides", async () => {
    const bytes = svg("<path d='M0 0L9 9'/>");
    expect(await checkImage(bytes)).toEqual({ bytes, mediaType: "image/svg+xml", width: 10, height: 20 });
  });

  test("that is cut short is refused", async () => {
    expect((await failureOf(checkImage(svg("<g></g>").subarray(0, -3)))).facts).toMatchObject({
      code: "upstream_error",
      mayHaveCharged: true,
      detail: expect.stringContaining("it is not well-formed at 1:"),
    });
  });
});

test.each(["<!doctype html><html><body>502 Bad Gateway</body></html>", "<html/>", '{"error":1}', "GIF", "<"])(
  "%s is no image",
  async (text) => {
    expect((await failureOf(checkImage(Buffer.from(text)))).facts.code).toBe("upstream_error");
  },
);

test("an image of more pixels than anybody draws is refused without decoding it", async () => {
  const huge = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: "#123" } })
    .png()
    .toBuffer();
  expect((await failureOf(checkImage(huge))).facts.code).toBe("upstream_error");
});
