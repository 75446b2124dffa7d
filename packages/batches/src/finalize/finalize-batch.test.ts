import { randomBytes } from "node:crypto";
import type { Readable } from "node:stream";
import { imageResponseSchema } from "@darkroom/contracts";
import { batchObjects } from "../records/batch-objects.ts";
import { lineUlid } from "../records/line-result.ts";
import { temporaryFolder } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { filesystemStore, memoryStore } from "../batch-parts.fixture.ts";
import { imageKey, openBatches, succeeded } from "../finished-batch.fixture.ts";

const never = new AbortController().signal;
const png = { contentType: "image/png" };
const usage = {
  prompt_tokens: 1,
  input_tokens: 1,
  output_tokens: 2,
  total_tokens: 3,
  input_tokens_details: { text_tokens: 1, image_tokens: 0 },
};

/** The result of the first line, which is to have its image of so many bytes as base64. */
const inBase64 = (bytes: number) => {
  const [image] = succeeded(0).delivery?.images ?? [];
  return succeeded(0, {
    request: { response_format: "b64_json" },
    ...(image && { delivery: { provider: "sandbox", images: [{ ...image, bytes }] } }),
  });
};

describe("a line that", () => {
  test("has an image that was cut short in the store is in the error file", async () => {
    const { finished, finalize, resultOf, objects } = openBatches();
    await objects.put(imageKey(0), randomBytes(100_000), png);
    const id = await finished({ total: 1, segments: [[inBase64(100_001)]] });
    await finalize()(id, never);
    const { output, error } = await resultOf(id);
    expect(output).toEqual([]);
    expect(error).toMatchObject([{ response: { status_code: 410, body: { error: { code: "images_gone" } } } }]);
  });

  test("has an image that the store breaks off has all of it, read on from there", async () => {
    const { finished, finalize, resultOf, objects } = openBatches(filesystemStore(await temporaryFolder()));
    const picture = randomBytes(1_000_000);
    await objects.put(imageKey(0), picture, png);
    const id = await finished({ total: 1, segments: [[inBase64(picture.length)]] });
    let reads = 0;
    const get: typeof objects.get = async (key, options) => {
      const object = await objects.get(key, options);
      if (key === imageKey(0) && reads++ === 0)
        object.body.once("data", () => object.body.destroy(new Error("the store broke off")));
      return object;
    };
    await finalize({ objects: { ...objects, get } })(id, never);
    const { output } = await resultOf(id);
    const body = imageResponseSchema.parse(output[0]?.response?.body);
    expect(body.data[0]?.b64_json).toBe(picture.toString("base64"));
    expect(reads).toBe(2);
  });

  test("succeeded is answered as the synchronous call, with a link that works for a week", async () => {
    const { finished, finalize, resultOf, objects } = openBatches();
    await objects.put(imageKey(0), Buffer.from("png"), png);
    const result = succeeded(0);
    const id = await finished({ total: 1, segments: [[result]] });
    await finalize()(id, never);
    const { output, batch } = await resultOf(id);
    const ulid = lineUlid(id, 0);
    expect(output).toEqual([
      {
        id: `batch_req_${ulid}`,
        custom_id: "line-0",
        response: {
          status_code: 200,
          request_id: `req_${ulid}`,
          body: { created: 1_770_000_005, data: [{ b64_json: null, url: expect.any(String), size: "2x1" }] },
        },
        error: null,
      },
    ]);
    const body = imageResponseSchema.parse(output[0]?.response?.body);
    const link = new URL(body.data[0]?.url ?? "");
    const weekAheadMs = Number(link.searchParams.get("expires")) * 1_000 - Date.now();
    expect(Math.abs(weekAheadMs - 7 * 86_400_000)).toBeLessThan(60_000);
    expect((await objects.openLink?.(link.pathname + link.search))?.status).toBe("ok");
    expect(batch).toMatchObject({ status: "completed", completed: 1, failed: 0, errorFileId: null, usage: null });
  });

  test("asked for base64 has the very bytes of its images, in their order", async () => {
    const { finished, finalize, resultOf, objects } = openBatches(filesystemStore(await temporaryFolder()));
    const pictures = [randomBytes(300_001), randomBytes(200_000)];
    const images = pictures.map((bytes, index) => ({
      index,
      key: `acme/images/many/${index}.png`,
      bytes: bytes.length,
      mediaType: "image/png",
      width: 2,
      height: 1,
    }));
    for (const [index, { key }] of images.entries()) await objects.put(key, pictures[index] ?? Buffer.alloc(0), png);
    const result = succeeded(0, {
      custom_id: '"quoted" {"created":0,"data":[]}',
      request: { response_format: "b64_json" },
      delivery: { provider: "sandbox", images: images.toReversed(), usage },
    });
    const id = await finished({ total: 2, segments: [[result, succeeded(1)]], model: "gpt-image-1" });
    await finalize()(id, never);
    const { output, batch } = await resultOf(id);
    expect(output.map((line) => line.custom_id)).toEqual([result.custom_id, "line-1"]);
    const body = imageResponseSchema.parse(output[0]?.response?.body);
    expect(body).toMatchObject({ created: 1_770_000_005, usage });
    expect(body.data.map(({ url, size, output_format }) => ({ url, size, output_format }))).toEqual(
      Array.from({ length: 2 }, () => ({ url: undefined, size: "2x1", output_format: "png" })),
    );
    expect(body.data.map(({ b64_json }) => b64_json)).toEqual(pictures.map((bytes) => bytes.toString("base64")));
    expect(batch.usage).toEqual(usage);
  });

  test.each(["url", "b64_json"] as const)(
    "got some of its images as %s says which are missing and why",
    async (format) => {
      const { finished, finalize, resultOf, objects } = openBatches();
      await objects.put(imageKey(0), Buffer.from("png"), png);
      const missing = [{ index: 1, code: "moderation_blocked" as const, message: "No.", mayHaveCharged: true }];
      const id = await finished({
        total: 1,
        segments: [[succeeded(0, { missing, request: { response_format: format } })]],
      });
      await finalize()(id, never);
      const [line] = (await resultOf(id)).output;
      expect(line?.missing).toEqual([{ index: 1, code: "moderation_blocked", message: "No." }]);
      expect(imageResponseSchema.parse(line?.response?.body).data).toHaveLength(1);
    },
  );

  test("asked for base64 has links when the output file is full of images", async () => {
    const { finished, finalize, resultOf, objects } = openBatches();
    const request = { response_format: "b64_json" as const };
    const segment = [0, 1, 2].map((index) => succeeded(index, { request }));
    for (const index of segment.keys()) await objects.put(imageKey(index), Buffer.from("png"), png);
    const id = await finished({ total: 3, segments: [segment] });
    // Three bytes are four in base64: two images fit, and the third does not.
    await finalize({ inlineBytes: 11 })(id, never);
    const { output, batch } = await resultOf(id);
    const images = output.map((line) => imageResponseSchema.parse(line.response?.body).data[0]);
    const inline = { b64_json: Buffer.from("png").toString("base64") };
    expect(images).toMatchObject([inline, inline, { b64_json: null, url: expect.stringContaining(imageKey(2)) }]);
    expect(batch).toMatchObject({ completed: 3, failed: 0 });
  });

  test("asked for base64 and lost one of its images fails, and the others do not", async () => {
    const { finished, finalize, resultOf, objects } = openBatches();
    await objects.put(imageKey(1), Buffer.from("png"), png);
    const request = { response_format: "b64_json" as const };
    const id = await finished({ total: 2, segments: [[succeeded(0, { request }), succeeded(1, { request })]] });
    await finalize()(id, never);
    const { output, error, batch } = await resultOf(id);
    expect(output.map((line) => line.custom_id)).toEqual(["line-1"]);
    expect(error).toMatchObject([
      { custom_id: "line-0", response: { status_code: 410, body: { error: { code: "images_gone" } } }, error: null },
    ]);
    expect(batch).toMatchObject({ status: "completed", completed: 1, failed: 1 });
  });

  test("failed is answered as the synchronous call, in the error file", async () => {
    const { finished, finalize, resultOf } = openBatches();
    const error = { code: "moderation_blocked", message: "No.", param: "prompt" } as const;
    const id = await finished({
      total: 1,
      segments: [[succeeded(0, { status: "failed", delivery: null, error, generation: "" })]],
    });
    await finalize()(id, never);
    const found = await resultOf(id);
    expect(found.output).toEqual([]);
    expect(found.error).toEqual([
      {
        id: expect.stringMatching(/^batch_req_[0-9a-z]{26}$/),
        custom_id: "line-0",
        response: {
          status_code: 400,
          request_id: expect.stringMatching(/^req_[0-9a-z]{26}$/),
          body: {
            error: { message: "No.", type: "invalid_request_error", param: "prompt", code: "moderation_blocked" },
          },
        },
        error: null,
      },
    ]);
    expect(found.batch).toMatchObject({ status: "completed", outputFileId: null, completed: 0, failed: 1 });
  });
});

describe("a batch that was cut short", () => {
  test.each([
    ["expired", "batch_expired", "This request could not be executed before the completion window expired."],
    ["cancelled", "batch_cancelled", "This request was not executed because it, or its batch, was cancelled."],
  ] as const)("as %s says so of what did not run, and keeps what did", async (outcome, code, message) => {
    const { finished, finalize, resultOf, errors } = openBatches();
    const { delivery } = succeeded(1);
    const canceled = succeeded(1, { status: "canceled", delivery: delivery && { ...delivery, usage } });
    const id = await finished({ total: 5, fed: 2, outcome, segments: [[succeeded(0), canceled]] });
    await finalize()(id, never);
    const { output, error, batch } = await resultOf(id);
    expect(output.map((line) => line.custom_id)).toEqual(["line-0"]);
    expect(error.map((line) => line.custom_id)).toEqual(["line-1", "line-2", "line-3", "line-4"]);
    for (const line of error) expect(line).toMatchObject({ response: null, error: { code, message } });
    expect(batch).toMatchObject({ status: outcome, completed: 1, failed: 4, usage: null });
    expect(errors).toEqual([]);
  });

  test("before it was found right has no files", async () => {
    const { batches, finalize, read, finished } = openBatches();
    const id = await finished({ total: 0, segments: [], outcome: "cancelled" });
    await finalize()(id, never);
    expect(await read(id)).toMatchObject({ status: "cancelled", outputFileId: null, errorFileId: null, failed: 0 });
    expect(await batches.active()).toEqual([]);
  });
});

describe("finalizing", () => {
  test("does nothing for a batch that is not there, is not ready, or has ended", async () => {
    const { finished, finalize, resultOf, batches, redis, keys } = openBatches();
    await finalize()("batch_none", never);
    const id = await finished({ total: 1, segments: [[succeeded(0)]] });
    await redis.hdel(keys.batch(id), "ready");
    await finalize()(id, never);
    expect(await resultOf(id)).toMatchObject({ batch: { status: "finalizing", outputFileId: null } });
    await redis.hset(keys.batch(id), "ready", 1);
    await finalize()(id, never);
    const { version } = (await resultOf(id)).batch;
    const refuse = async () => Promise.reject(new Error("Nothing may be written"));
    await finalize({ files: { create: refuse }, batches })(id, never);
    expect((await resultOf(id)).batch.version).toBe(version);
  });

  test("again makes the same files, not more of them", async () => {
    const { finished, finalize, resultOf, files, batches } = openBatches();
    const id = await finished({
      total: 4,
      segments: [[succeeded(0), succeeded(1, { status: "failed" })]],
      fed: 2,
      outcome: "expired",
    });
    const crash = { read: batches.read, finish: async () => Promise.reject(new Error("killed")) };
    await expect(finalize({ batches: crash })(id, never)).rejects.toThrow("killed");
    await finalize()(id, never);
    const { batch, output, error } = await resultOf(id);
    expect([output.length, error.length]).toEqual([1, 3]);
    const page = await files.list({ tenant: "acme", limit: 10, order: "asc" });
    expect(page?.records.map((file) => file.id).toSorted()).toEqual(
      [batch.outputFileId ?? "", batch.errorFileId ?? ""].toSorted(),
    );
    expect(page?.records.map((file) => file.filename).toSorted()).toEqual([`${id}_error.jsonl`, `${id}_output.jsonl`]);
    for (const file of page?.records ?? []) {
      expect(file.purpose).toBe("batch_output");
      expect(file.expiresAtMs - file.createdAtMs).toBe(3_600_000);
    }
  });

  test("tells the store beforehand that a file may have 160 GB, which it would refuse in the parts it takes otherwise", async () => {
    const store = memoryStore();
    const expected: Record<string, number | undefined> = {};
    const { finished, finalize, resultOf } = openBatches({
      ...store,
      put: (key, body, options) => {
        expected[key] = options.expectedBytes;
        return store.put(key, body, options);
      },
    });
    const id = await finished({ total: 2, segments: [[succeeded(0), succeeded(1, { status: "failed" })]] });
    await finalize()(id, never);
    const { outputFileId, errorFileId } = (await resultOf(id)).batch;
    expect(expected).toMatchObject({
      [`acme/files/${outputFileId}`]: 160_000_000_000,
      [`acme/files/${errorFileId}`]: 160_000_000_000,
    });
  });

  test("fails with the store's own error where a file cannot be written, and can be done again", async () => {
    const { finished, finalize, resultOf, files, objects } = openBatches();
    await objects.put(imageKey(0), randomBytes(3_000_000), png);
    const id = await finished({ total: 1, segments: [[inBase64(3_000_000)]] });
    const create: typeof files.create = async ({ body: given }) => {
      await new Promise((resolve) => void given.once("data", resolve));
      given.destroy();
      throw new Error("disk full");
    };
    await expect(finalize({ files: { create } })(id, never)).rejects.toThrow("disk full");
    await finalize()(id, never);
    expect((await resultOf(id)).batch).toMatchObject({ status: "completed", completed: 1 });
  });

  test("stops when it is told to, however slow the store is", async () => {
    const { finished, finalize, resultOf, objects } = openBatches();
    await objects.put(imageKey(0), randomBytes(3_000_000), png);
    const id = await finished({ total: 1, segments: [[inBase64(3_000_000)]] });
    const stop = new AbortController();
    /** Takes nothing until it is broken off. */
    const create = async ({ body }: { body: Readable }) => {
      setImmediate(() => stop.abort(new Error("shutting down")));
      return new Promise<never>((_, reject) => void body.once("close", () => reject(new Error("broken off"))));
    };
    await expect(finalize({ files: { create } })(id, stop.signal)).rejects.toThrow("shutting down");
    expect((await resultOf(id)).batch).toMatchObject({ status: "finalizing" });
  });

  test("says it in the log where something is missing, and leaves no line out", async () => {
    const { finished, finalize, resultOf, errors, objects } = openBatches();
    const id = await finished({ total: 6, segments: [null, [succeeded(0), "{broken"]], missingChunks: [1] });
    expect(await objects.head(batchObjects("acme", id).lines(1))).toBeNull();
    await finalize()(id, never);
    const { output, error, batch } = await resultOf(id);
    expect(output.map((line) => line.custom_id)).toEqual(["line-0"]);
    expect(error.map((line) => line.custom_id)).toEqual(["line-1", "line-2", "", "", ""]);
    expect(error[2]?.response).toMatchObject({
      status_code: 500,
      body: { error: { message: expect.stringContaining("line 4 of the input file") } },
    });
    expect(batch).toMatchObject({ status: "completed", completed: 1, failed: 5 });
    expect(errors).toEqual([
      "An object of a batch is missing",
      "An object of a batch has lines that cannot be read",
      "An object of a batch is missing",
      "Lines of a batch have no result and were reported as failed",
    ]);
  });
});
