import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createLogger } from "@darkroom/observe";
import { temporaryFolder } from "@darkroom/testing";
import { expect, test } from "vitest";
import { createHeldImages, type HeldImage } from "./held-images.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = () => runInNewContext("gc()");
const log = createLogger({ name: "test", level: "silent", pretty: false });
const MiB = 1024 * 1024;

const lent = (image: HeldImage) => image.use(async (bytes) => Buffer.from(bytes));

test("an image that waits stays in memory while there is room, then goes to disk, and comes back as it was", async () => {
  const directory = await temporaryFolder();
  const { hold } = createHeldImages({ directory, log, memoryBytes: 2 * MiB, leftForMs: 1_000 });
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
  // A file without a name is there for nobody but this process, and only as long as that lives.
  expect(await readdir(directory)).toEqual([]);
});

test("what was released makes room for others", async () => {
  const { hold } = createHeldImages({ directory: "/nowhere", log, memoryBytes: MiB, leftForMs: 1_000 });
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
  const { hold } = createHeldImages({ log, memoryBytes: 0, leftForMs: 1_000, ...over });
  const image = hold(Buffer.from("paid for"));
  await image.wait();
  expect((await lent(image)).toString()).toBe("paid for");
});

test("images on disk are read back a few at a time", async () => {
  const { hold } = createHeldImages({ directory: await temporaryFolder(), log, memoryBytes: 0, leftForMs: 1_000 });
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
  const held = createHeldImages({ log, leftForMs: 60_000 });
  held.leave("a", held.hold(Buffer.from("left")));
  const image = held.takeOver("a");
  expect(image && (await lent(image)).toString()).toBe("left");
  expect(held.takeOver("a")).toBeUndefined();
});

test("an image that nobody takes over is forgotten", async () => {
  const held = createHeldImages({ log, leftForMs: 1 });
  held.leave("a", held.hold(Buffer.from("left")));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(held.takeOver("a")).toBeUndefined();
});
