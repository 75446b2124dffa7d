import { gzipSync } from "node:zlib";
import { maxFileBytes } from "@darkroom/contracts";
import type { ObjectStore } from "@darkroom/storage";
import { temporaryFolder } from "@darkroom/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { keepApi, links, startApi, type TestApi, type KeptApi } from "../../api.fixture.ts";
import { startProcess } from "../../process.fixture.ts";
import {
  boundary,
  fileHead,
  formOf,
  head,
  jsonlFile,
  oneLine,
  startUpload,
  tail,
  upload,
  uploadFile,
} from "./files.fixture.ts";

/** What is left of files: in Redis, and in the store the keys that were written and not removed. */
function noting() {
  const keys = new Set<string>();
  const begun: string[] = [];
  const objects = (store: ObjectStore): ObjectStore => ({
    ...store,
    put: async (key, ...rest) => {
      begun.push(key);
      await store.put(key, ...rest);
      keys.add(key);
    },
    delete: async (gone) => {
      await store.delete(gone);
      for (const key of gone) keys.delete(key);
    },
  });
  return { keys, begun, objects };
}

const keysOfFiles = (api: TestApi) => api.redis.keys(`${api.prefix}:file*`);

describe("200", () => {
  test("the file, and its content as it was sent", async () => {
    const api = await startApi();
    const before = Math.floor(Date.now() / 1_000);
    const file = await uploadFile(api);
    expect(file).toMatchObject({
      object: "file",
      bytes: Buffer.byteLength(oneLine),
      filename: "prompts.jsonl",
      purpose: "batch",
      status: "processed",
    });
    expect(file.created_at).toBeGreaterThanOrEqual(before);
    expect((file.expires_at ?? 0) - file.created_at).toBe(2_592_000);
    expect(await (await api.call(`/v1/files/${file.id}/content`)).text()).toBe(oneLine);
  });

  test("with its fields in any order, before and behind the file", async () => {
    const api = await startApi();
    const parts = [
      ["purpose", "batch"],
      ["file", jsonlFile()],
      ["expires_after[seconds]", "3600"],
      ["expires_after[anchor]", "created_at"],
    ] as const;
    for (const first of parts.keys()) {
      const form = formOf(...parts.slice(first), ...parts.slice(0, first));
      const answer = await upload(api, form);
      const { created_at, expires_at } = await answer.json();
      expect([answer.status, expires_at - created_at]).toEqual([200, 3_600]);
    }
  });

  test("an empty file: the batch will say what is wrong with it", async () => {
    const api = await startApi();
    expect(await uploadFile(api, jsonlFile(""))).toMatchObject({ bytes: 0 });
  });

  test.each(["Größe 🐈.jsonl", 'a "quoted" name.jsonl', "UPPER.JSONL", ".jsonl"])("a file called %s", async (name) => {
    const api = await startApi();
    expect(await uploadFile(api, jsonlFile(oneLine, name))).toMatchObject({ filename: name.replaceAll('"', "%22") });
  });

  test("a file that holds what looks like the form's own boundary, in any pieces", async () => {
    const api = await startApi();
    const content = `\r\n--${boundary.slice(0, -1)}\r\n--\r\n`;
    const { sending, answered } = startUpload(api);
    for (const byte of head + fileHead + content + tail) sending.write(byte);
    sending.end();
    const { status, body } = await answered;
    expect(status).toBe(200);
    expect(await (await api.call(`/v1/files/${body.id}/content`)).text()).toBe(content);
  });
});

test("a NUL that is percent-encoded in the filename is refused, too", async () => {
  const api = await startApi();
  const { sending, answered } = startUpload(api);
  const encoded = fileHead.replace('filename="a.jsonl"', "filename*=utf-8''a%00b.jsonl");
  sending.end(head + encoded + tail);
  expect(await answered).toMatchObject({ status: 400, body: { error: { param: "file" } } });
});

describe("refused", () => {
  let api: KeptApi;
  const left = noting();
  beforeAll(async () => {
    api = await keepApi({ objects: left.objects });
    return api.close;
  });

  const batch = ["purpose", "batch"] as const;
  const file = ["file", jsonlFile()] as const;
  test.each([
    ["no file", [batch], "Missing required parameter: 'file'.", "file"],
    ["a file that is text", [batch, ["file", "{}"]], "must be sent as a file", "file"],
    ["no purpose", [file], "Missing required parameter: 'purpose'.", "purpose"],
    ["another purpose, before the file", [["purpose", "fine-tune"], file], "Supported values are: 'batch'.", "purpose"],
    ["another purpose, behind the file", [file, ["purpose", "user_data"]], "Supported values are: 'batch'.", "purpose"],
    ["what only we make", [file, ["purpose", "batch_output"]], "Supported values are: 'batch'.", "purpose"],
    ["two purposes", [batch, batch, file], "'purpose' was sent more than once.", "purpose"],
    ["two files", [batch, file, file], "more than one 'file'", "file"],
    ["a second file of another name", [batch, file, ["image", jsonlFile()]], "Unknown parameter: 'image'.", "image"],
    ["an unknown field", [batch, file, ["model", "x"]], "Unknown parameter: 'model'.", "model"],
    ["__proto__", [["__proto__", "x"], batch, file], "Unknown parameter: '__proto__'.", "__proto__"],
    ["a long value", [["purpose", "b".repeat(2_000)], file], "too long", "purpose"],
    [
      "another ending",
      [batch, ["file", jsonlFile("", "a.json")]],
      "Invalid file format for Batch API. Must be .jsonl",
      "file",
    ],
    ["a NUL in the filename", [batch, ["file", jsonlFile("", "a\0b.jsonl")]], "control characters", "file"],
    ["a line separator in it", [batch, ["file", jsonlFile("", "a\u2028b.jsonl")]], "control characters", "file"],
    ["a C1 control in it", [batch, ["file", jsonlFile("", "a\u009bb.jsonl")]], "control characters", "file"],
    ["a name that reads backwards", [batch, ["file", jsonlFile("", "a\u202egpj.jsonl")]], "direction of text", "file"],
    ["a long filename", [batch, ["file", jsonlFile("", `${"a".repeat(256)}.jsonl`)]], "255 characters", "file"],
    [
      "a time without its anchor",
      [batch, ["expires_after[seconds]", "3600"], file],
      "Missing",
      "expires_after[anchor]",
    ],
    [
      "an anchor without a time",
      [batch, ["expires_after[anchor]", "created_at"], file],
      "Missing",
      "expires_after[seconds]",
    ],
    [
      "another anchor",
      [batch, file, ["expires_after[anchor]", "now"]],
      "Supported values are: 'created_at'",
      "expires_after[anchor]",
    ],
    ["too short a time", [batch, ["expires_after[seconds]", "3599"], file], "3600", "expires_after[seconds]"],
    ["too long a time", [batch, ["expires_after[seconds]", "2592001"], file], "2592000", "expires_after[seconds]"],
    ["no number", [batch, ["expires_after[seconds]", "1h"], file], "whole number", "expires_after[seconds]"],
    ["an empty form", [], "Missing required parameter: 'file'.", "file"],
  ] as const)("400 for %s, and nothing is left", async (_, entries, message, param) => {
    const answer = await upload(api, formOf(...entries));
    expect(answer.status).toBe(400);
    const { error } = await answer.json();
    expect(error).toMatchObject({ code: "invalid_request_error", param });
    expect(error.message).toContain(message);
    await expect.poll(() => [...left.keys]).toEqual([]);
    await expect.poll(() => keysOfFiles(api)).toEqual([]);
  });

  test.each([
    ["ends in the file", `${head}${fileHead}{}`],
    ["ends behind the file", `${head}${fileHead}{}\r\n--${boundary}\r\n`],
    ["ends in a header", `${head}--${boundary}\r\ncontent-dispo`],
    ["has no part", "just text"],
    ["has another boundary", `${head}${fileHead}{}${tail}`.replaceAll(boundary, "another")],
    ["is empty", ""],
  ])("400 for a form that %s, and nothing is left", async (_, body) => {
    const { sending, answered } = startUpload(api);
    sending.end(body);
    expect(await answered).toMatchObject({ status: 400, body: { error: { code: "invalid_request_error" } } });
    await expect.poll(() => [...left.keys]).toEqual([]);
    await expect.poll(() => keysOfFiles(api)).toEqual([]);
  });

  test("415 for a compressed form", async () => {
    const { sending, answered } = startUpload(api, { "content-encoding": "gzip" });
    sending.end(gzipSync(`${head}${tail}`));
    const { status, body } = await answered;
    expect([status, body.error?.["message"]]).toEqual([415, expect.stringContaining("'gzip' is not supported")]);
  });

  test("400 for a form that does not name its boundary", async () => {
    const { sending, answered } = startUpload(api, { "content-type": "multipart/form-data" });
    sending.end(head);
    const { status, body } = await answered;
    expect([status, body.error?.["message"]]).toEqual([400, expect.stringContaining("boundary")]);
  });

  test.each(["application/json", "application/x-www-form-urlencoded", "multipart/mixed; boundary=a", "nonsense"])(
    "415 for %s",
    async (type) => {
      const answer = await api.call("/v1/files", { method: "POST", body: "{}", headers: { "content-type": type } });
      expect(answer.status).toBe(415);
      const { error } = await answer.json();
      expect(error.message).toContain("multipart/form-data");
    },
  );

  test("415 without a body, and 401 without a key", async () => {
    expect((await api.call("/v1/files", { method: "POST" })).status).toBe(415);
    expect((await fetch(`${api.baseUrl}/v1/files`, { method: "POST", body: formOf(batch, file) })).status).toBe(401);
  });

  test("413 at once where the Content-Length says that it is too large", async () => {
    const { sending, answered } = startUpload(api, { "content-length": maxFileBytes + 100_000 });
    sending.flushHeaders();
    expect(await answered).toMatchObject({
      status: 413,
      body: { error: { code: "payload_too_large", param: "file" } },
    });
    sending.destroy();
    expect(left.begun.every((key) => key.startsWith("acme/files/"))).toBe(true);
  });
});

describe("the limit", () => {
  const block = Buffer.alloc(1_000_000, "x");
  async function sendFile(bytes: number) {
    const directory = await temporaryFolder();
    const api = await startApi({ storage: { storage: "filesystem", directory, links } });
    const { sending, answered, write } = startUpload(api);
    await write(head + fileHead);
    for (let left = bytes; left > 0; left -= block.length) await write(block.subarray(0, left));
    await write(tail);
    sending.end();
    return { api, answer: await answered };
  }

  test("a file of 200 MB is taken", async () => {
    const { api, answer } = await sendFile(maxFileBytes);
    expect(answer).toMatchObject({ status: 200, body: { bytes: maxFileBytes } });
    const content = await api.call(`/v1/files/${answer.body.id}/content`, { method: "HEAD" });
    expect(content.headers.get("content-length")).toBe(String(maxFileBytes));
  });

  test("413 for one byte more, and nothing is left", async () => {
    const { api, answer } = await sendFile(maxFileBytes + 1);
    expect(answer).toMatchObject({ status: 413, body: { error: { code: "payload_too_large", param: "file" } } });
    expect(await keysOfFiles(api)).toEqual([]);
  });
});

describe("what comes besides the file", () => {
  const filler = "x".repeat(65_536);

  test.each([
    ["before the first boundary", "", filler, head + fileHead + oneLine + tail],
    ["behind the last boundary", head + fileHead + oneLine + tail, filler, ""],
  ])("413 for more than 64 KB %s, before it ends", async (_, before, endless, after) => {
    const api = await startApi();
    // Of a connection that is to be closed the answer may be lost: it is closed while bytes are on their way.
    const { sending, answered, write } = startUpload(api, { "transfer-encoding": "chunked", connection: "keep-alive" });
    if (before !== "") await write(before);
    let sentBytes = 0;
    const answer = answered.finally(() => (sentBytes = Infinity));
    // A thousand times the limit: it is answered long before. What comes while the file is not stored yet is not counted.
    for (; sentBytes < 67_108_864; sentBytes += filler.length) await write(endless);
    if (sentBytes < Infinity) await write(after);
    expect(sentBytes).toBe(Infinity);
    expect(await answer).toMatchObject({ status: 413, body: { error: { code: "payload_too_large" } } });
    sending.destroy();
    expect(await keysOfFiles(api)).toEqual([]);
  });

  test("some text before and behind the form is read", async () => {
    const api = await startApi();
    const { sending, answered, write } = startUpload(api);
    await write(`a preamble\r\n${head}${fileHead}${oneLine}${tail}an epilogue`);
    sending.end();
    expect(await answered).toMatchObject({ status: 200 });
  });
});

describe("interrupted", () => {
  test("a caller who breaks off leaves nothing", async () => {
    const left = noting();
    const api = await startApi({ objects: left.objects });
    const { sending, write } = startUpload(api);
    await write(head + fileHead + "x".repeat(100_000));
    await expect.poll(() => left.begun).toHaveLength(1);
    expect(await keysOfFiles(api)).toHaveLength(1);
    sending.destroy();
    await expect.poll(() => keysOfFiles(api)).toEqual([]);
    expect([...left.keys]).toEqual([]);
  });

  test("a caller who breaks off is not logged as a failure of ours", async () => {
    const { child, lines, baseUrl, exitCode } = startProcess();
    const { sending, write } = startUpload({ baseUrl: await baseUrl });
    await write(head + fileHead + "x".repeat(100_000));
    sending.destroy();
    await expect.poll(() => lines.some(({ status }) => status === 499)).toBe(true);
    child.kill("SIGTERM");
    expect(await exitCode()).toBe(0);
    expect(lines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  test("503 where the store is away, and then again it is taken", async () => {
    let away = true;
    const objects = (store: ObjectStore): ObjectStore => ({
      ...store,
      put: (...put) => (away ? Promise.reject(new Error("away")) : store.put(...put)),
    });
    const api = await startApi({ objects });
    const form = () => formOf(["purpose", "batch"], ["file", jsonlFile()]);
    const refused = await upload(api, form());
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await keysOfFiles(api)).toEqual([]);
    away = false;
    expect((await upload(api, form())).status).toBe(200);
  });

  test("503 while Redis is away, and nothing stays in the store", async () => {
    const left = noting();
    const api = await startApi({ behindProxy: true, objects: left.objects });
    api.redisLine.cut();
    const answer = await upload(api, formOf(["purpose", "batch"], ["file", jsonlFile()]));
    expect(answer.status).toBe(503);
    expect([...left.keys]).toEqual([]);
  });

  test("503 when Redis is full, or the service is shutting down", async () => {
    const form = () => formOf(["purpose", "batch"], ["file", jsonlFile()]);
    const full = await startApi({ full: true });
    expect((await upload(full, form())).status).toBe(503);
    const draining = await startApi();
    draining.drain.begin();
    expect((await upload(draining, form())).status).toBe(503);
  });

  test("503 with the seventeenth upload of a tenant, before a byte of it is read, until another is over", async () => {
    const left = noting();
    const api = await startApi({ objects: left.objects });
    const others = Array.from({ length: 16 }, () => startUpload(api));
    for (const { write } of others) await write(head + fileHead + "x".repeat(100_000));
    await expect.poll(() => left.begun).toHaveLength(16);
    const form = () => formOf(["purpose", "batch"], ["file", jsonlFile()]);
    const refused = await upload(api, form());
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    for (const { sending } of others) sending.destroy();
    await expect.poll(async () => (await upload(api, form())).status).toBe(200);
  });

  test("503 for an upload that is still going on when the service must stop", async () => {
    const left = noting();
    const api = await startApi({ objects: left.objects });
    const { answered, write, sending } = startUpload(api);
    await write(head + fileHead + "x".repeat(100_000));
    await expect.poll(() => left.begun).toHaveLength(1);
    api.drain.begin();
    api.drain.dismiss();
    expect(await answered).toMatchObject({ status: 503, body: { error: { code: "overloaded" } } });
    expect([...left.keys]).toEqual([]);
    sending.destroy();
  });
});
