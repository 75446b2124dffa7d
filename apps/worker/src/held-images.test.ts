import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createLogger } from "@darkroom/runtime";
import { temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createHeldImages, type HeldImage, type HeldImagesOptions } from "./held-images.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = () => runInNewContext("gc()");
const log = createLogger({ name: "test", level: "silent", pretty: false });
const MiB = 1024 * 1024;

const lent = (image: HeldImage) =>
  image.use(async (bytes) => (bytes instanceof Readable ? buffer(bytes) : Buffer.from(bytes)));

/** Holds images for the length of a test: Node counts a file that was not closed as an error of the process. */
function holdImages(options: Partial<HeldImagesOptions> = {}) {
  const held = createHeldImages({ log, leftForMs: 1_000, ...options });
  return {
    ...held,
    hold: (bytes: Uint8Array): HeldImage => {
      const image = held.hold(bytes);
      onTestFinished(() => image.release());
      return image;
    },
  };
}

test("an image that waits stays in memory while there is room, then goes to disk, and comes back as it was", async () => {
  const directory = await temporaryFolder();
  const { hold } = holdImages({ directory, memoryBytes: 2 * MiB });
  const pictures = Array.from({ length: 6 }, () => randomBytes(MiB));
  const images = pictures.map(hold);
  const before = process.memoryUsage().arrayBuffers;
  await Promise.all(images.map((image) => image.wait()));
  const copies = pictures.map((picture) => picture.toString("base64"));
  pictures.length = 0;
  // Four of the six are not in memory any more.
  await expect
    .poll(() => {
      collectGarbage();
      return before - process.memoryUsage().arrayBuffers;
    })
    .toBeGreaterThan(3.5 * MiB);
  const lentOnes = await Promise.all(images.map(lent));
  expect(lentOnes.map((bytes) => bytes.toString("base64"))).toEqual(copies);
  // A file without a name exists only for this process, and only as long as that lives.
  expect(await readdir(directory)).toEqual([]);
});

test("what was released makes room for others", async () => {
  const { hold } = holdImages({ directory: "/nowhere", memoryBytes: MiB });
  for (let round = 0; round < 3; round++) {
    const image = hold(randomBytes(MiB));
    await image.wait();
    await image.release();
  }
  const image = hold(Buffer.from("whole"));
  await image.wait();
  expect((await lent(image)).toString()).toBe("whole");
});

test.each([
  ["the disk has no more room", { diskBytes: 0 }],
  ["it cannot be put on disk", { directory: "/nowhere" }],
])("an image is kept in memory all the same where %s", async (_, over) => {
  const { hold } = holdImages({ memoryBytes: 0, ...over });
  const image = hold(Buffer.from("paid for"));
  await image.wait();
  expect((await lent(image)).toString()).toBe("paid for");
});

test("images on disk are read back a few at a time", async () => {
  const { hold } = holdImages({ directory: await temporaryFolder(), memoryBytes: 0 });
  const images = Array.from({ length: 20 }, () => hold(randomBytes(1_000)));
  await Promise.all(images.map((image) => image.wait()));
  let lentNow = 0;
  let most = 0;
  await Promise.all(
    images.map((image) =>
      image.use(async () => {
        most = Math.max(most, ++lentNow);
        await new Promise((resolve) => setImmediate(resolve));
        lentNow--;
      }),
    ),
  );
  expect(most).toBe(4);
});

test("an image that was left under a key is taken over once", async () => {
  const held = holdImages({ leftForMs: 60_000 });
  held.leave("a", held.hold(Buffer.from("left")));
  const image = held.takeOver("a");
  expect(image && (await lent(image)).toString()).toBe("left");
  expect(held.takeOver("a")).toBeUndefined();
});

test("of two images that were left under one key, the later one is taken over and the earlier one released", async () => {
  const held = holdImages({ leftForMs: 60_000, memoryBytes: 0 });
  const earlier = held.hold(Buffer.from("earlier"));
  await earlier.wait();
  held.leave("a", earlier);
  held.leave("a", held.hold(Buffer.from("later")));
  const image = held.takeOver("a");
  expect(image && (await lent(image)).toString()).toBe("later");
  await expect(lent(earlier)).rejects.toThrow("The image was released");
});

test("an image that no later attempt takes over is forgotten", async () => {
  const held = holdImages({ leftForMs: 1 });
  held.leave("a", held.hold(Buffer.from("left")));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(held.takeOver("a")).toBeUndefined();
});
