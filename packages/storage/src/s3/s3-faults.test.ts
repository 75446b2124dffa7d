import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import {
  describeWithS3,
  ensureBucket,
  freePort,
  listeningPort,
  removeBucket,
  startTcpProxy,
  startStopwatch,
} from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import type { S3Settings, S3Timeouts } from "./s3-settings.ts";
import { createS3Store } from "./s3-store.ts";

const png = { contentType: "image/png" };
const timeouts: S3Timeouts = { connectMs: 1_000, answerMs: 1_500, idleMs: 1_000, attempts: 2 };
const nowhere: S3Settings = {
  endpoint: "http://127.0.0.1:1",
  region: "us-east-1",
  bucket: "images",
  credentials: { accessKeyId: "id", secretAccessKey: "secret" },
  forcePathStyle: true,
  checksums: "WHEN_REQUIRED",
  createBucket: false,
};

function storeAt(changes: Partial<S3Settings>) {
  const store = createS3Store({ ...nowhere, ...changes }, { timeouts });
  onTestFinished(() => store.close());
  return store;
}
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "it succeeded",
    (reason: unknown) => reason,
  );

const outage = (operation: string) => ({
  name: "StorageError",
  operation,
  retryable: true,
  message: expect.stringContaining("S3_ENDPOINT"),
});
const answering = async (status: number, body: string) => {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(status).end(body));
  });
  onTestFinished(() => void server.close());
  return storeAt({ endpoint: `http://127.0.0.1:${await listeningPort(server.listen(0, "127.0.0.1"))}` });
};
const xml = (code: string, message = "no") =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
const refusedByB2 = "Unsupported header 'x-amz-checksum-crc32' received for this API call.";
const refusedByR2 = "Header 'x-amz-checksum-algorithm' with value 'CRC32' not implemented";

describe("an S3 that is away", () => {
  test("makes every operation fail as an outage, the stream of a put included", async () => {
    const store = storeAt({ endpoint: `http://127.0.0.1:${await freePort()}` });
    const body = Readable.from([Buffer.from("x")]);
    expect(await failureOf(store.put("a", Buffer.from("x"), png))).toMatchObject({ ...outage("put"), key: "a" });
    expect(await failureOf(store.put("a", body, png))).toMatchObject(outage("put"));
    expect(body.destroyed).toBe(true);
    expect(await failureOf(store.get("a"))).toMatchObject(outage("get"));
    expect(await failureOf(store.head("a"))).toMatchObject(outage("head"));
    expect(await failureOf(store.delete(["a"]))).toMatchObject(outage("delete"));
    expect(await failureOf(store.check())).toMatchObject(outage("check"));
  });

  test("is not waited for once the signal of a put aborts", async () => {
    const server = createServer(() => {});
    const port = await listeningPort(server.listen(0, "127.0.0.1"));
    onTestFinished(() => server.closeAllConnections());
    const controller = new AbortController();
    const reason = new Error("the lock is lost");
    const asked = once(server, "request");
    const work = storeAt({ endpoint: `http://127.0.0.1:${port}` }).put("a", Buffer.alloc(1_000_000), {
      ...png,
      signal: controller.signal,
    });
    await asked;
    const sinceMs = startStopwatch();
    controller.abort(reason);
    await expect(work).rejects.toBe(reason);
    // Under the 1,500 ms after which the store itself would have given this try up.
    expect(sinceMs()).toBeLessThan(1_000);
  });

  test("under an unknown name counts as an outage and names the settings", async () => {
    const error = await failureOf(storeAt({ endpoint: "http://no-such-host.invalid" }).head("a"));
    expect(error).toMatchObject({ retryable: true, message: expect.stringContaining("S3_ENDPOINT") });
  });
});

describe("a server that answers", () => {
  test.each([
    [503, xml("SlowDown"), true, "trouble of its own"],
    [500, "", true, "trouble of its own"],
    [301, xml("PermanentRedirect"), false, "S3_REGION"],
    [400, xml("AuthorizationHeaderMalformed"), false, "S3_REGION"],
    [403, xml("AccessDenied"), false, "s3:PutObject"],
    [403, xml("RequestTimeTooSkewed"), false, "clock"],
    [400, xml("XAmzContentSHA256Mismatch"), false, "S3_CHECKSUMS"],
    [400, xml("InvalidArgument", refusedByB2), false, "S3_CHECKSUMS"],
    [501, xml("NotImplemented", refusedByR2), false, "S3_CHECKSUMS"],
    [501, xml("NotImplemented", "STREAMING-UNSIGNED-PAYLOAD-TRAILER not implemented"), false, "S3_CHECKSUMS"],
    [501, xml("NotImplemented"), false, "will not have it later"],
    [405, "<html>not S3</html>", false, "S3_ENDPOINT"],
  ])("%i %j gives retryable %j and says what to check", async (status, body, retryable, advice) => {
    const store = await answering(status, body);
    const error = await failureOf(store.put("a", Buffer.from("x"), png));
    expect(error).toMatchObject({ name: "StorageError", retryable, message: expect.stringContaining(advice) });
  });
});

describe("a HEAD of an object that is answered with 404", () => {
  /** Every object is missing, and the bucket is answered so. */
  const bucketAnswers = async (status: number) => {
    const server = createServer((request, response) => {
      const isBucket = /^\/images\/?(\?|$)/.test(request.url ?? "");
      response.writeHead(isBucket ? status : 404).end();
    });
    onTestFinished(() => void server.close());
    return storeAt({ endpoint: `http://127.0.0.1:${await listeningPort(server.listen(0, "127.0.0.1"))}` });
  };

  test.each([
    ["is there", 200],
    ["may not be asked for", 403],
  ])("is an absent object where the bucket %s", async (_, status) => {
    expect(await (await bucketAnswers(status)).head("a")).toBeNull();
  });

  test.each([
    ["is gone", 404, false, "There is no such bucket."],
    ["is not answered for", 500, true, "trouble of its own"],
  ])("says nothing of the object where the bucket %s", async (_, status, retryable, advice) => {
    const error = await failureOf((await bucketAnswers(status)).head("a"));
    expect(error).toMatchObject({
      name: "StorageError",
      operation: "head",
      key: "a",
      retryable,
      advice: expect.stringContaining(advice),
    });
  });
});

describeWithS3("a bucket that is deleted and made again", ({ accessKeyId, secretAccessKey, ...place }) => {
  test("is an error of each call, which names no object as missing, until the bucket is back", async () => {
    const bucket = `dr-gone-${randomUUID()}`;
    const s3 = { ...place, accessKeyId, secretAccessKey, bucket };
    await ensureBucket(s3);
    const store = storeAt({ ...place, bucket, credentials: { accessKeyId, secretAccessKey } });
    await removeBucket(s3);
    const calls = [
      () => store.head("a"),
      () => store.get("a"),
      () => store.put("a", Buffer.from("x"), png),
      () => store.check(),
    ];
    for (const call of calls) {
      expect(await failureOf(call())).toMatchObject({ retryable: false, advice: expect.stringContaining("S3_BUCKET") });
    }
    await ensureBucket(s3);
    onTestFinished(() => removeBucket(s3));
    await store.check();
    expect(await store.head("a")).toBeNull();
  });
});

describeWithS3("s3 behind a failing line", ({ accessKeyId, secretAccessKey, ...place }) => {
  const behindProxy = async () => {
    const proxy = await startTcpProxy(place.endpoint);
    onTestFinished(() => proxy.close());
    const store = storeAt({ ...place, endpoint: proxy.url, credentials: { accessKeyId, secretAccessKey } });
    const key = `faults-${randomUUID()}`;
    onTestFinished(async () => {
      proxy.restore();
      await store.delete([key]);
    });
    return { proxy, store, key };
  };

  test("a server that hangs is given up within the timeouts, and serves again afterwards", async () => {
    const { proxy, store, key } = await behindProxy();
    await store.put(key, Buffer.from("x"), png);
    proxy.blackhole();
    const sinceMs = startStopwatch();
    const errors = await Promise.all([
      failureOf(store.put(key, Buffer.from("y"), png)),
      failureOf(store.put(key, Readable.from([Buffer.alloc(6_000_000)]), png)),
      failureOf(store.get(key)),
      failureOf(store.head(key)),
    ]);
    // Two tries of 1.5 s each and the pause between them.
    expect(sinceMs()).toBeLessThan(8_000);
    for (const error of errors) expect(error).toMatchObject({ name: "StorageError", retryable: true });
    proxy.restore();
    expect(await store.head(key)).toMatchObject({ size: 1 });
  });

  test("a line that is cut while a body is read breaks the stream", async () => {
    const { proxy, store, key } = await behindProxy();
    await store.put(key, Buffer.alloc(5_000_000), png);
    const { body } = await store.get(key);
    proxy.cut();
    await expect(buffer(body)).rejects.toThrow("aborted");
  });

  test("a body that stops half-way breaks off after the idle time", async () => {
    const { proxy, store, key } = await behindProxy();
    await store.put(key, Buffer.alloc(5_000_000), png);
    const { body } = await store.get(key);
    proxy.blackhole();
    await expect(buffer(body)).rejects.toThrow("inactivity");
  });

  test("a cut in the middle of work is ridden out by a second try", async () => {
    const { proxy, store, key } = await behindProxy();
    await store.put(key, Buffer.from("x"), png);
    proxy.cut();
    proxy.restore();
    await store.put(key, Readable.from([Buffer.from("yy")]), png);
    expect(await store.head(key)).toMatchObject({ size: 2 });
  });
});
