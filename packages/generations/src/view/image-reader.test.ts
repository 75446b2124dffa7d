import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { ObjectNotFoundError, type ObjectStore } from "@darkroom/storage";
import { expect, test } from "vitest";
import { createImageReader } from "./image-reader.ts";

const piece = 64 * 1024;

/** How the store breaks off one read of one object. */
type Break = {
  after: number;
  /** The body ends as if it were whole, as that of a file does that was cut short. */
  silently?: boolean;
};

/** A store with images of random bytes. `breaks` are those of an object's reads, one after another. */
function storeOf(sizes: readonly number[], breaks: Readonly<Record<string, readonly Break[]>> = {}) {
  const images = sizes.map((size, index) => ({ key: `${index}.png`, bytes: size, content: randomBytes(size) }));
  /** Each read: its key, and its first byte. */
  const reads: { key: string; from: number }[] = [];
  const openBodies = new Set<Readable>();
  const objects: Pick<ObjectStore, "get"> = {
    async get(key, { from = 0 } = {}) {
      const image = images.find((one) => one.key === key);
      if (image === undefined) throw new ObjectNotFoundError(key);
      const cut = breaks[key]?.[reads.filter((read) => read.key === key).length];
      reads.push({ key, from });
      const { content } = image;
      async function* body() {
        for (let at = from; at < content.length; at += piece) {
          if (cut !== undefined && at - from >= cut.after) {
            if (cut.silently === true) return;
            throw new Error("the store broke off");
          }
          yield content.subarray(at, at + piece);
        }
      }
      const opened = Readable.from(body(), { objectMode: false });
      openBodies.add(opened);
      opened.once("close", () => openBodies.delete(opened));
      return { size: content.length, contentType: "image/png", body: opened };
    },
  };
  return { images, objects, reads, openBodies };
}

async function readAll(reader: ReturnType<typeof createImageReader>, position: number): Promise<Buffer> {
  let text = "";
  for await (const part of reader.base64(position)) text += part;
  return Buffer.from(text, "base64");
}

test("images come one after another as they are, and nothing is open after them", async () => {
  const { images, objects, openBodies } = storeOf([1_000_000, 1, 300_000]);
  const reader = createImageReader(images, objects);
  for (const [position, { content }] of images.entries()) {
    expect((await readAll(reader, position)).equals(content)).toBe(true);
  }
  await expect.poll(() => openBodies.size).toBe(0);
});

test("the next image is opened before the current one ends, and no other", async () => {
  const { images, objects, reads } = storeOf([2_000_000, 2_000_000, 2_000_000]);
  const reader = createImageReader(images, objects);
  let read = 0;
  const keysAt: [bytes: number, keys: string[]][] = [];
  for await (const part of reader.base64(0)) {
    read += part.length;
    keysAt.push([read * 0.75, reads.map(({ key }) => key)]);
  }
  expect(keysAt.find(([bytes]) => bytes > 1_000_000)?.[1]).toEqual(["0.png"]);
  expect(keysAt.at(-1)?.[1]).toEqual(["0.png", "1.png"]);
  reader.close();
});

test.each([
  ["breaks", false],
  ["ends as if it were whole", true],
])("an image whose read %s half-way is read on from there", async (_, silently) => {
  const after = 3 * piece;
  const { images, objects, reads, openBodies } = storeOf([1_000_000], {
    "0.png": [{ after, silently }],
  });
  const reader = createImageReader(images, objects);
  expect((await readAll(reader, 0)).equals(images[0]?.content ?? Buffer.of())).toBe(true);
  expect(reads).toEqual([
    { key: "0.png", from: 0 },
    { key: "0.png", from: after },
  ]);
  await expect.poll(() => openBodies.size).toBe(0);
});

test.each([
  ["breaks each time", false, "the store broke off"],
  ["ends each time as if it were whole", true, "the store sent"],
])("an image whose read %s fails, and is not given as a shorter one", async (_, silently, message) => {
  const cut = { after: piece, silently };
  const { images, objects, openBodies } = storeOf([1_000_000], { "0.png": Array.from({ length: 10 }, () => cut) });
  const reader = createImageReader(images, objects);
  await expect(readAll(reader, 0)).rejects.toThrow(message);
  await expect.poll(() => openBodies.size).toBe(0);
});

test("an image of another size than its record says counts as gone, and is closed", async () => {
  const { images, objects, openBodies } = storeOf([1_000]);
  const reader = createImageReader([{ key: "0.png", bytes: 1_001 }], objects);
  await expect(reader.open(0)).rejects.toBeInstanceOf(ObjectNotFoundError);
  expect(images).toHaveLength(1);
  await expect.poll(() => openBodies.size).toBe(0);
});

test("an image that was opened ahead and has failed since is opened again", async () => {
  const { images, objects, openBodies, reads } = storeOf([1_000, 1_000]);
  const reader = createImageReader(images, objects);
  await readAll(reader, 0);
  await expect.poll(() => openBodies.size).toBe(1);
  for (const body of openBodies) body.destroy(new Error("idle for too long"));
  expect((await readAll(reader, 1)).equals(images[1]?.content ?? Buffer.of())).toBe(true);
  expect(reads.map(({ key }) => key)).toEqual(["0.png", "1.png", "1.png"]);
});

test("an image is closed that the store opens when the answer has ended", async () => {
  const { images, objects, openBodies } = storeOf([1_000]);
  const asked = Promise.withResolvers<void>();
  const reader = createImageReader(images, {
    get: async (key) => {
      await asked.promise;
      return objects.get(key);
    },
  });
  const opening = reader.open(0);
  reader.close();
  asked.resolve();
  await expect(opening).rejects.toThrow("The answer has ended");
  await expect.poll(() => openBodies.size).toBe(0);
});
