import { execFile } from "node:child_process";
import { hash, randomBytes } from "node:crypto";
import { open as openFile, readdir } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { temporaryFolder } from "@darkroom/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createSpool, type Spool, type SpoolOptions } from "./spool.ts";
import { type ImageBytes, releaseBytes, sha256Of, SpooledBytes } from "./spooled-bytes.ts";

const KiB = 1024;

/** A reply whose clock tells whether it runs. */
function open(options: SpoolOptions = {}) {
  const spool = createSpool(options);
  const controller = new AbortController();
  let stops = 0;
  const clock = { stop: () => void stops++, start: () => void stops-- };
  const guest = spool.newGuest({ signal: controller.signal, clock });
  return { spool, guest, controller, isClockStopped: () => stops > 0 };
}

async function spooled(spool: Spool, bytes: Buffer, guest = open().guest): Promise<ImageBytes> {
  const writer = spool.newWriter(guest);
  for (let at = 0; at < bytes.length; at += 48 * KiB) await writer.write(bytes.subarray(at, at + 48 * KiB));
  const done = await writer.finish();
  onTestFinished(() => releaseBytes(done));
  return done;
}

async function onDisk(spool: Spool, bytes: Buffer): Promise<SpooledBytes> {
  const done = await spooled(spool, bytes);
  if (done instanceof SpooledBytes) return done;
  throw new Error("It has no place in the spool.");
}

describe("the spool", () => {
  test("keeps a small image in memory", async () => {
    const { spool } = open();
    const bytes = randomBytes(128 * KiB);
    expect(await spooled(spool, bytes)).toEqual(bytes);
    expect(spool.usedBytes()).toBe(0);
  });

  test("writes a larger one to a file without a name, which is gone when it is released", async () => {
    const directory = await temporaryFolder();
    const { spool } = open({ directory });
    const bytes = randomBytes(700_001);
    const image = await onDisk(spool, bytes);
    expect(await readdir(directory)).toEqual([]);
    expect(image).toMatchObject({ byteLength: 700_001, sha256: hash("sha256", bytes) });
    for (let times = 0; times < 2; times++) expect((await buffer(image.stream())).equals(bytes)).toBe(true);
    expect((await image.read()).equals(bytes)).toBe(true);
    expect(spool.usedBytes()).toBe(700_001);
    await image.release();
    await image.release();
    expect(spool.usedBytes()).toBe(0);
    await expect(image.read()).rejects.toThrow("released");
  });

  test("releases a file whose closing fails, and its room", async () => {
    let given = 0;
    const file = await openFile("/dev/null");
    onTestFinished(() => file.close());
    vi.spyOn(file, "close").mockRejectedValueOnce(new Error("EIO"));
    const image = new SpooledBytes({ file, byteLength: 7, sha256: "", onRelease: () => given++ });
    await image.release();
    await image.release();
    expect(given).toBe(1);
  });

  test("keeps images apart that are written side by side, and others that are forgotten in their middle", async () => {
    const { spool } = open();
    const scratch = Buffer.alloc(50_000);
    for (let round = 0; round < 3; round++) {
      const images = Array.from({ length: 8 }, () => ({
        bytes: randomBytes(450_000),
        writer: spool.newWriter(open().guest),
      }));
      for (let at = 0; at < 450_000; at += scratch.length) {
        for (const { bytes, writer } of images) {
          bytes.copy(scratch, 0, at);
          // A writer may not keep what it is given: the next image is written from the same buffer.
          await writer.write(scratch);
        }
        if (at === 200_000) for (const { writer } of images.splice(0, 4)) await writer.discard();
      }
      const done = await Promise.all(images.map(({ writer }) => writer.finish()));
      expect(done.map(sha256Of)).toEqual(images.map(({ bytes }) => hash("sha256", bytes)));
      for (const [i, image] of done.entries()) {
        const read = image instanceof SpooledBytes ? await image.read() : image;
        expect(images[i]?.bytes.equals(read)).toBe(true);
        await releaseBytes(image);
      }
    }
    expect(spool.usedBytes()).toBe(0);
  });
  test("shortens one, with a hash of its own", async () => {
    const { spool } = open();
    const bytes = randomBytes(400_000);
    const image = await (await onDisk(spool, bytes)).shortenedTo(300_001);
    const first = bytes.subarray(0, 300_001);
    expect(image).toMatchObject({ byteLength: 300_001, sha256: hash("sha256", first) });
    expect((await image.read()).equals(first)).toBe(true);
    await image.release();
    expect(spool.usedBytes()).toBe(0);
  });

  test("keeps in memory what the disk does not take", async () => {
    const errors: unknown[] = [];
    const { spool } = open({ directory: "/nowhere/at/all", onDiskError: (error) => errors.push(error) });
    const bytes = randomBytes(700_000);
    const image = await onDisk(spool, bytes);
    expect(image.path).toBeUndefined();
    expect(sha256Of(image)).toBe(hash("sha256", bytes));
    expect((await buffer(image.stream())).equals(bytes)).toBe(true);
    expect(errors).toMatchObject([{ code: "ENOENT" }]);
    expect([spool.usedBytes(), spool.memoryBytes()]).toEqual([0, 700_000]);
    await image.release();
    expect(spool.memoryBytes()).toBe(0);
  });

  test("reads back what the disk has taken before it was full", async () => {
    const script = new URL("small-files.fixture.ts", import.meta.url).pathname;
    // In blocks of 512 bytes or of a KiB: half a megabyte at most.
    const limited = ["-c", 'ulimit -f 512; exec "$0" "$1"', process.execPath, script];
    const { stdout } = await promisify(execFile)("bash", limited);
    const bytes = Buffer.concat(Array.from({ length: 32 }, (_, i) => Buffer.alloc(32 * KiB, i)));
    expect(JSON.parse(stdout)).toEqual({
      isOnDisk: false,
      sha256: hash("sha256", bytes),
      usedBytes: 0,
      errors: [expect.stringContaining("EFBIG")],
    });
  });
});

describe("a spool that keeps some images in memory", () => {
  const bytes = randomBytes(700_001);
  const sixPieces = 6 * 128 * KiB;

  test("writes one to the disk where there is no room for all of it, with what was kept of it", async () => {
    const { spool } = open({ maxKeptBytes: sixPieces });
    const [kept, written] = [await onDisk(spool, bytes), await onDisk(spool, bytes)];
    expect([spool.keptBytes(), spool.usedBytes()]).toEqual([sixPieces, bytes.length]);
    expect(kept.path).toBeUndefined();
    for (const image of [kept, written]) {
      expect(image).toMatchObject({ byteLength: bytes.length, sha256: hash("sha256", bytes) });
      expect((await buffer(image.stream())).equals(bytes)).toBe(true);
      expect((await image.read()).equals(bytes)).toBe(true);
      await image.release();
    }
    expect([spool.keptBytes(), spool.usedBytes()]).toEqual([0, 0]);
    await expect(kept.read()).rejects.toThrow("released");
  });

  test("goes on with the disk in the middle of an image", async () => {
    const { spool, guest } = open({ maxKeptBytes: sixPieces });
    const other = spool.newWriter(guest);
    await other.write(randomBytes(300 * KiB));
    const image = await onDisk(spool, bytes);
    expect(image.sha256).toBe(hash("sha256", bytes));
    expect((await image.read()).equals(bytes)).toBe(true);
    expect(spool.keptBytes()).toBe(2 * 128 * KiB);
    await other.discard();
    expect(spool.keptBytes()).toBe(0);
  });

  test("moves on to memory what the disk does not take, with what was kept of it", async () => {
    const { spool } = open({ maxKeptBytes: 2 * 128 * KiB, directory: "/nowhere/at/all" });
    const image = await onDisk(spool, bytes);
    expect((await image.read()).equals(bytes)).toBe(true);
    expect([spool.keptBytes(), spool.usedBytes(), spool.memoryBytes()]).toEqual([0, 0, bytes.length]);
    await image.release();
    expect(spool.memoryBytes()).toBe(0);
  });

  test("uses the buffers of an image again, but not those that a failed upload may send still", async () => {
    const { spool } = open({ maxKeptBytes: sixPieces });
    const held: Buffer[] = [];
    const collect = async (stream: AsyncIterable<Buffer>) => {
      for await (const part of stream) held.push(part);
    };
    const first = await onDisk(spool, bytes);
    await expect(
      first.lend(async (stream) => {
        await collect(stream);
        throw new Error("The store broke off.");
      }),
    ).rejects.toThrow("broke off");
    await first.release();
    // As of a call that has ended, whose upload has not.
    const late = Promise.withResolvers<void>();
    const second = await onDisk(spool, randomBytes(700_001));
    const lending = second.lend(() => late.promise);
    await second.release();
    expect(Buffer.concat(held).equals(bytes)).toBe(true);
    late.resolve();
    await lending;

    const third = await onDisk(spool, bytes);
    held.length = 0;
    await third.lend(collect);
    await third.release();
    const fourth = await onDisk(spool, randomBytes(700_001));
    // They have the bytes of the next image now.
    expect(Buffer.concat(held).equals(bytes)).toBe(false);
    await fourth.release();
  });
});

describe("a spool that is full", () => {
  const bytes = randomBytes(300_000);

  test("makes the next reply wait until an image is released, with its clock stopped", async () => {
    const { spool, guest, isClockStopped } = open({ maxBytes: 400_000 });
    const first = await onDisk(spool, bytes);
    let isDone = false;
    const second = spooled(spool, bytes, guest).finally(() => (isDone = true));
    await expect.poll(isClockStopped).toBe(true);
    expect(isDone).toBe(false);
    await first.release();
    expect(sha256Of(await second)).toBe(hash("sha256", bytes));
    expect(isClockStopped()).toBe(false);
    expect(spool.usedBytes()).toBe(300_000);
  });

  test("lets a reply go on after its patience, since it is paid for", async () => {
    const { spool, guest } = open({ maxBytes: 100_000, patienceMs: 50 });
    expect(sha256Of(await spooled(spool, bytes, guest))).toBe(hash("sha256", bytes));
    expect(guest.party.leftMs).toBeLessThanOrEqual(0);
  });

  test("lets in those that fit when the first one that waits is canceled", async () => {
    const { spool, guest, controller, isClockStopped } = open({ maxBytes: 531_072 });
    await onDisk(spool, bytes);
    const next = open({ maxBytes: 0 });
    const small = spool.newWriter(next.guest);
    await small.write(randomBytes(150_000));
    expect(spool.usedBytes()).toBe(300_000 + 128 * KiB);
    // A piece larger than the 100,000 bytes that are left, and behind it the end of an image, which fits.
    const large = spool.newWriter(guest).write(randomBytes(200_000));
    await expect.poll(isClockStopped).toBe(true);
    const ended = small.finish();
    await expect.poll(next.isClockStopped).toBe(true);
    controller.abort(new Error("canceled by its owner"));
    await expect(large).rejects.toThrow("canceled by its owner");
    await releaseBytes(await ended);
    // It did not wait until its patience was over.
    expect(next.guest.party.leftMs).toBeGreaterThan(0);
  });

  test("ends a wait with the reason of its call, and the room goes to another", async () => {
    const { spool, guest, controller, isClockStopped } = open({ maxBytes: 400_000 });
    const first = await onDisk(spool, bytes);
    const canceled = spooled(spool, bytes, guest);
    await expect.poll(isClockStopped).toBe(true);
    controller.abort(new Error("canceled by its owner"));
    await expect(canceled).rejects.toThrow("canceled by its owner");
    await first.release();
    await onDisk(spool, bytes);
    expect(spool.usedBytes()).toBeLessThanOrEqual(400_000);
  });
});

describe("the check at the start", () => {
  test("passes where files can be written, and leaves none", async () => {
    const directory = await temporaryFolder();
    await createSpool({ directory }).check();
    expect(await readdir(directory)).toEqual([]);
  });

  test.each(["/nowhere/at/all", "/proc"])("names the folder %s, which cannot be used", async (directory) => {
    await expect(createSpool({ directory }).check()).rejects.toThrow(directory);
  });

  test.skipIf(process.platform !== "linux")("passes where the disk is full, and says so", async () => {
    const errors: unknown[] = [];
    const spool = createSpool({ onDiskError: (error) => errors.push(error) });
    const probe = await openFile("/dev/null");
    const prototype: { write: (...args: unknown[]) => Promise<unknown> } = Object.getPrototypeOf(probe);
    await probe.close();
    const write = vi
      .spyOn(prototype, "write")
      .mockRejectedValueOnce(Object.assign(new Error("full"), { code: "ENOSPC" }));
    onTestFinished(() => write.mockRestore());
    await spool.check();
    expect(errors).toMatchObject([{ code: "ENOSPC" }]);
  });
});

describe("a disk that takes nothing", () => {
  const bytes = randomBytes(300_000);
  const clock = { stop: () => {}, start: () => {} };
  const full = (options: SpoolOptions) =>
    createSpool({ directory: "/nowhere/at/all", maxMemoryBytes: 400_000, ...options });
  const newCall = () => new AbortController().signal;
  const guestOf = (spool: Spool, call = newCall()) => spool.newGuest({ signal: call, clock });

  test("makes the next reply wait until there is room in memory again", async () => {
    const spool = full({});
    const first = await spooled(spool, bytes, guestOf(spool));
    const second = spooled(spool, bytes, guestOf(spool));
    await expect.poll(() => spool.waiting()).toBe(1);
    expect(spool.memoryBytes()).toBeLessThanOrEqual(400_000);
    await releaseBytes(first);
    expect(sha256Of(await second)).toBe(hash("sha256", bytes));
    expect([spool.memoryBytes(), spool.waiting()]).toEqual([300_000, 0]);
  });

  test("lets one call at a time have more after its patience, and the next when it has given all back", async () => {
    const spool = full({ patienceMs: 50 });
    const first = await spooled(spool, bytes, guestOf(spool));
    const done: string[] = [];
    const others = ["second", "third"].map(async (name) => {
      const image = await spooled(spool, bytes, guestOf(spool));
      done.push(name);
      return image;
    });
    await expect.poll(() => done).toHaveLength(1);
    // The patience of the other is over as well, and it goes on waiting: there is never more than the limit and one call.
    await expect.poll(() => spool.waiting()).toBe(1);
    expect(spool.memoryBytes()).toBeLessThanOrEqual(700_000);
    await releaseBytes(await Promise.race(others));
    await Promise.all(others);
    await releaseBytes(first);
    expect(done).toHaveLength(2);
  });

  test("never has one reply of a call wait for another one of it", async () => {
    const spool = full({ patienceMs: 50 });
    await spooled(spool, bytes, guestOf(spool));
    const call = newCall();
    // None is released before all have come, as the images of one call are.
    const images = await Promise.all([1, 2, 3].map(() => spooled(spool, bytes, guestOf(spool, call))));
    expect(images).toHaveLength(3);
  });

  test("ends a wait with the reason of its call, and gives back what it had", async () => {
    const spool = full({});
    const first = await spooled(spool, bytes, guestOf(spool));
    const controller = new AbortController();
    const writer = spool.newWriter(guestOf(spool, controller.signal));
    const writing = writer.write(bytes);
    await expect.poll(() => spool.waiting()).toBe(1);
    controller.abort(new Error("canceled by its owner"));
    await expect(writing).rejects.toThrow("canceled by its owner");
    await writer.discard();
    await releaseBytes(first);
    expect([spool.memoryBytes(), spool.usedBytes(), spool.waiting()]).toEqual([0, 0, 0]);
  });
});

describe("a file of many images", () => {
  const clock = { stop: () => {}, start: () => {} };
  const pictures = [300_000, 5, 200_000].map((size) => randomBytes(size));

  test("gives each its own bytes, and is closed with the last of them", async () => {
    const directory = await temporaryFolder();
    const spool = createSpool({ directory });
    const guest = spool.newGuest({ signal: new AbortController().signal, clock });
    const shared = spool.newSharedFile();
    const images: SpooledBytes[] = [];
    for (const bytes of pictures) {
      const forgotten = spool.newWriter(guest, shared);
      await forgotten.write(randomBytes(150_000));
      await forgotten.discard();
      const writer = spool.newWriter(guest, shared);
      await writer.write(bytes);
      const image = await writer.finish();
      if (!(image instanceof SpooledBytes)) throw new Error("It is in memory.");
      images.push(image);
    }
    for (const [i, image] of images.entries()) {
      expect(image.path).toBeUndefined();
      expect((await buffer(image.stream())).equals(pictures[i] ?? Buffer.of())).toBe(true);
      expect(image.sha256).toBe(hash("sha256", pictures[i] ?? Buffer.of()));
    }
    for (const image of images) {
      expect(spool.usedBytes()).toBeGreaterThan(500_000);
      await image.release();
    }
    expect(spool.usedBytes()).toBe(0);
  });

  test("is left alone by an image that is written while another one is", async () => {
    const spool = createSpool();
    const shared = spool.newSharedFile();
    const guest = spool.newGuest({ signal: new AbortController().signal, clock });
    const writers = [spool.newWriter(guest, shared), spool.newWriter(guest, shared)];
    for (const writer of writers) await writer.write(randomBytes(150_000));
    const images = await Promise.all(writers.map((writer) => writer.finish()));
    const paths = images.map((image) => image instanceof SpooledBytes && image.path);
    expect(paths.map((path) => typeof path)).toEqual(["undefined", "string"]);
    for (const image of images) await releaseBytes(image);
    expect(spool.usedBytes()).toBe(0);
  });
});
