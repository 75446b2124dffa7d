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
  throw new Error("It is in memory.");
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
    const image = await spooled(spool, bytes);
    expect(image).toBeInstanceOf(Buffer);
    expect(sha256Of(image)).toBe(hash("sha256", bytes));
    expect(errors).toMatchObject([{ code: "ENOENT" }]);
    expect(spool.usedBytes()).toBe(0);
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
    expect(guest.leftMs).toBeLessThanOrEqual(0);
  });

  test("lets in those that fit when the first one that waits is canceled", async () => {
    const { spool, guest, controller, isClockStopped } = open({ maxBytes: 450_000 });
    await onDisk(spool, bytes);
    // A piece larger than the room that is left, and behind it one that fits.
    const large = spool.newWriter(guest).write(randomBytes(200_000));
    await expect.poll(isClockStopped).toBe(true);
    const next = open({ maxBytes: 0 });
    const small = spool.newWriter(next.guest);
    const written = small.write(randomBytes(90_000)).then(() => small.write(randomBytes(42_000)));
    await expect.poll(() => small.byteLength).toBe(132_000);
    controller.abort(new Error("canceled by its owner"));
    await expect(large).rejects.toThrow("canceled by its owner");
    await written;
    // It did not wait until its patience was over.
    expect(next.guest.leftMs).toBeGreaterThan(0);
    await small.discard();
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
