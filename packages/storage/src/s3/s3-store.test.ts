import { hash, randomUUID } from "node:crypto";
import { DeleteBucketCommand, HeadObjectCommand, ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describeWithS3, type TestS3Settings } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { describeObjectStore } from "../object-store.conformance.ts";
import { createS3Store } from "./s3-store.ts";
import type { S3Settings } from "./s3-settings.ts";

const png = { contentType: "image/png" };
const settingsOf = ({ accessKeyId, secretAccessKey, ...place }: TestS3Settings): S3Settings => ({
  ...place,
  credentials: { accessKeyId, secretAccessKey },
  createBucket: false,
});

describeWithS3("s3", (testS3) => {
  const settings = settingsOf(testS3);
  describeObjectStore("s3", {
    makeStore: ({ now }) => createS3Store({ ...settings, prefix: `/under-${randomUUID()}/` }, { now }),
  });

  const storeWith = (changes: Partial<S3Settings> = {}) => {
    const store = createS3Store({ ...settings, ...changes });
    onTestFinished(() => store.close());
    return store;
  };
  const sdkClient = () => {
    const { endpoint, region, credentials, forcePathStyle } = settings;
    const client = new S3Client({
      region,
      forcePathStyle,
      ...(endpoint && { endpoint }),
      ...(credentials && { credentials }),
    });
    onTestFinished(() => client.destroy());
    return client;
  };

  test("a failed streamed put leaves no parts to pay for", async () => {
    const key = `parts-${randomUUID()}`;
    const broken = Readable.from(
      (async function* () {
        yield Buffer.alloc(6 * 1024 * 1024);
        throw new Error("the source broke");
      })(),
    );
    await expect(storeWith().put(key, broken, png)).rejects.toThrow("the source broke");
    const { Uploads = [] } = await sdkClient().send(
      new ListMultipartUploadsCommand({ Bucket: settings.bucket, Prefix: key }),
    );
    expect(Uploads).toEqual([]);
  });

  test("keeps the hash of an object with it, and refuses bytes of another hash", async () => {
    const key = `hash-${randomUUID()}`;
    const [bytes, others] = [Buffer.alloc(300_000, "a"), Buffer.alloc(300_000, "b")];
    const known = { ...png, size: bytes.length, sha256: hash("sha256", bytes) };
    for (const checksums of ["WHEN_REQUIRED", "WHEN_SUPPORTED"] as const) {
      const store = storeWith({ checksums });
      for (const body of [bytes, Readable.from([bytes])]) {
        await store.put(key, body, known);
        const { Metadata } = await sdkClient().send(new HeadObjectCommand({ Bucket: settings.bucket, Key: key }));
        expect(Metadata).toEqual({ sha256: known.sha256 });
      }
      await expect(store.put(key, Readable.from([others]), known)).rejects.toThrow("The put of");
      expect(await buffer((await store.get(key)).body)).toEqual(bytes);
    }
    await storeWith().delete([key]);
  });

  test.each([
    ["5 MiB", undefined, 4],
    ["5 MiB, as long as 10,000 of them are enough", 52_000_000_000, 4],
    ["16 MiB where 160 GB may come", 160_000_000_000, 2],
  ])("a stream is sent in parts of %s", async (_, expectedBytes, parts) => {
    const key = `parts-${randomUUID()}`;
    const store = storeWith();
    const body = Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(1024 * 1024)));
    await store.put(key, body, { ...png, expectedBytes });
    // The ETag of an upload in parts ends in their number.
    const { ETag } = await sdkClient().send(new HeadObjectCommand({ Bucket: settings.bucket, Key: key }));
    await store.delete([key]);
    expect(ETag).toMatch(new RegExp(`-${parts}"?$`));
  });

  test.each([
    ["image/svg+xml", "attachment"],
    ["text/html; charset=utf-8", "attachment"],
    ["image/png", "inline"],
    ["image/gif", "inline"],
  ])(
    "a presigned link to %s answers with the disposition %s, however it was written",
    async (contentType, expected) => {
      const store = storeWith({ prefix: `links-${randomUUID()}` });
      const bodies = { whole: Buffer.from("bytes"), streamed: Readable.from([Buffer.from("bytes")]) };
      for (const [key, body] of Object.entries(bodies)) {
        await store.put(key, body, { contentType });
        const answer = await fetch(await store.link(key, { expiresInSeconds: 60 }));
        expect([answer.headers.get("content-type"), await answer.text()]).toEqual([contentType, "bytes"]);
        expect(answer.headers.get("content-disposition")).toBe(expected);
      }
      await store.delete(Object.keys(bodies));
    },
  );

  test("a presigned link says when it ends and is signed for the public endpoint", async () => {
    const store = storeWith({ publicEndpoint: "https://s3.example.com", forcePathStyle: true, prefix: "p" });
    const link = new URL(await store.link("a/0.png", { expiresInSeconds: 3_600 }));
    expect(link.origin + link.pathname).toBe(`https://s3.example.com/${settings.bucket}/p/a/0.png`);
    expect(link.searchParams.get("X-Amz-Expires")).toBe("3600");
  });

  test("virtual hosts put the bucket into the name", async () => {
    const store = storeWith({ endpoint: "https://s3.example.com", forcePathStyle: false });
    expect(new URL(await store.link("a", { expiresInSeconds: 60 })).host).toBe(`${settings.bucket}.s3.example.com`);
  });

  test("links of a public bucket are its URL and the key, unsigned", async () => {
    const store = storeWith({ publicBaseUrl: "https://cdn.example.com/", prefix: "p" });
    expect(await store.link("a/0.png", { expiresInSeconds: 60 })).toBe("https://cdn.example.com/p/a/0.png");
  });

  test("a missing bucket is made at check when wanted", async () => {
    const bucket = `darkroom-tests-${randomUUID()}`;
    const store = storeWith({ bucket, createBucket: true });
    for (let time = 1; time <= 2; time++) await expect(store.check()).resolves.toBeUndefined();
    await sdkClient().send(new DeleteBucketCommand({ Bucket: bucket }));
  });

  const wrongKey = { accessKeyId: "nobody", secretAccessKey: "x" };
  const wrongSecret = { accessKeyId: testS3.accessKeyId, secretAccessKey: "x" };
  test.each([
    ["a missing bucket", { bucket: "darkroom-no-such-bucket" }, "S3_BUCKET"],
    ["an unknown access key", { credentials: wrongKey }, "S3_ACCESS_KEY_ID"],
    ["a wrong secret", { credentials: wrongSecret }, "S3_SECRET_ACCESS_KEY"],
  ])("check names the setting behind %s", async (_, changes, setting) => {
    const error: unknown = await storeWith(changes)
      .check()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "StorageError", operation: "check", retryable: false });
    expect(error).toHaveProperty("message", expect.stringContaining(setting));
  });
});
