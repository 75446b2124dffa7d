import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { temporaryFolder } from "@darkroom/testing";
import { afterAll, describe, expect, test } from "vitest";
import { describeObjectStore } from "../object-store.conformance.ts";
import { StorageError } from "../storage-error.ts";
import { filesystemError } from "./filesystem-error.ts";
import { createFilesystemStore } from "./filesystem-store.ts";

const links = { publicBaseUrl: "http://localhost", signingSecret: "a secret of this test" };
const png = { contentType: "image/png" };

const shared = await mkdtemp(join(tmpdir(), "darkroom-store-"));
afterAll(() => rm(shared, { recursive: true, force: true }));
describeObjectStore("filesystem", {
  makeStore: ({ publicBaseUrl, now }) =>
    createFilesystemStore({ directory: shared, links: { ...links, publicBaseUrl } }, now),
});

describe("a filesystem store", () => {
  test("is found again by another process, content types included", async () => {
    const directory = join(await temporaryFolder(), "made", "when", "missing");
    await createFilesystemStore({ directory, links }).put("a/0.png", Buffer.from("x"), png);
    const found = await createFilesystemStore({ directory, links }).get("a/0.png");
    expect([found.contentType, String(await buffer(found.body))]).toEqual(["image/png", "x"]);
  });

  test("believes what was last put about a content type, whatever the name says, and writes down only what it does not say", async () => {
    const directory = await temporaryFolder();
    const store = createFilesystemStore({ directory, links });
    const typeAfter = async (contentType: string) => {
      await store.put("a/0.png", Buffer.from("x"), { contentType });
      return (await store.head("a/0.png"))?.contentType;
    };
    const written = async () => (await readdir(directory, { recursive: true })).includes("content-types/a/0.png");
    expect([await typeAfter("image/png"), await written()]).toEqual(["image/png", false]);
    expect([await typeAfter("text/plain"), await written()]).toEqual(["text/plain", true]);
    expect([await typeAfter("image/png"), await written()]).toEqual(["image/png", false]);
  });

  test("leaves no file and no folder behind after failed puts and deletions", async () => {
    const directory = await temporaryFolder();
    const store = createFilesystemStore({ directory, links });
    const broken = new Readable({ read: () => broken.destroy(new Error("the source broke")) });
    await expect(store.put("a/b/0.png", broken, png)).rejects.toThrow("the source broke");
    await store.put("a/b/1.png", Buffer.from("x"), png);
    await store.delete(["a/b/0.png", "a/b/1.png"]);
    const left = await readdir(directory, { recursive: true });
    expect(left.filter((name) => !name.startsWith("content-types")).toSorted()).toEqual(["incoming", "objects"]);
  });

  test("clears at check what a crash left half-written a day ago, and nothing younger", async () => {
    const directory = await temporaryFolder();
    const incoming = join(directory, "incoming");
    await mkdir(incoming);
    for (const name of ["old", "young"]) await writeFile(join(incoming, name), "half");
    const nowMs = Date.now();
    await utimes(join(incoming, "old"), new Date(nowMs), new Date(nowMs - 25 * 3_600_000));
    await createFilesystemStore({ directory, links }, () => nowMs).check();
    expect(await readdir(incoming)).toEqual(["young"]);
  });

  test("says what to do about a folder that cannot be written", async () => {
    const file = join(await temporaryFolder(), "file");
    await writeFile(file, "not a folder");
    const error: unknown = await createFilesystemStore({ directory: file, links })
      .check()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ operation: "check", retryable: false });
  });

  test.skipIf(process.getuid?.() === 0)("says whose folder it is when the user may not write there", async () => {
    const directory = await temporaryFolder();
    await chmod(directory, 0o500);
    const error: unknown = await createFilesystemStore({ directory, links })
      .put("a", Buffer.from("x"), png)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ operation: "put", key: "a", retryable: false });
    expect(error).toHaveProperty("message", expect.stringContaining("STORAGE_DIRECTORY"));
  });

  test("says that the disk is full, and that a later try may succeed", () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const error = filesystemError("put", "a", "/data", full);
    expect(error).toMatchObject({ retryable: true, cause: full });
    expect(error.message).toMatch(/disk is full.*STORAGE_DIRECTORY.*\/data/);
  });

  test("refuses a key that begins with another object's key", async () => {
    const store = createFilesystemStore({ directory: await temporaryFolder(), links });
    await store.put("a", Buffer.from("x"), png);
    const error: unknown = await store.put("a/b", Buffer.from("x"), png).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "StorageError", retryable: false });
    expect(await store.head("a/b")).toBeNull();
    await store.delete(["a/b"]);
  });
});
