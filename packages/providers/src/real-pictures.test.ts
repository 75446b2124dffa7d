import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { createImageChecker } from "./check-image.ts";
import { riders } from "./polyglots.fixture.ts";
import { photo, realPictures } from "./real-pictures.fixture.ts";

const checker = createImageChecker({ decoding: "always" });
afterAll(() => checker.close());

test.each(realPictures)("%s passes, and comes as it is", async (_, make) => {
  const bytes = await make();
  const checked = await checker.check(bytes, new AbortController().signal);
  expect(checked).toMatchObject({ width: 120, height: 80 });
  expect(checked.bytes).toBe(bytes);
});

describe.each(realPictures)("%s is cut at its end", (_, make) => {
  const made = make();
  test.each(riders)("where %s follows", async (_name, rider) => {
    const bytes = await made;
    const { signal } = new AbortController();
    const checked = await checker.check(Buffer.concat([bytes, rider]), signal);
    expect(checked).toMatchObject({ width: 120, height: 80 });
    // Not with toEqual, which takes seconds for a megabyte.
    expect(bytes.equals(checked.bytes)).toBe(true);
  });
});

test("a PNG without an end mark is cut where its chunks end", async () => {
  const bytes = (await photo().png().toBuffer()).subarray(0, -12);
  for (const [, rider] of [["nothing", Buffer.alloc(0)] as const, ...riders]) {
    const checked = await checker.check(Buffer.concat([bytes, rider]), new AbortController().signal);
    expect(bytes.equals(checked.bytes)).toBe(true);
  }
});

const flat = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 4, background: "#12345678" } });

test.each([
  ["4096x4096 as a JPEG in scans", flat(4096, 4096).jpeg({ progressive: true, chromaSubsampling: "4:4:4" })],
  ["4096x4096 as an interlaced PNG", flat(4096, 4096).png({ progressive: true, compressionLevel: 1 })],
  ["6240x2656 as a WebP", flat(6240, 2656).webp({ lossless: true, effort: 0 })],
])("the largest picture of a model passes: %s", async (_, picture) => {
  const checked = await checker.check(await picture.toBuffer(), new AbortController().signal);
  expect(checked.width).toBeGreaterThan(4_000);
});
