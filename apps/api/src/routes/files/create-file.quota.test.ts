import { describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { openLimitedKey, outcomeOf } from "../../limited-key.fixture.ts";
import { askAdmin } from "../admin/admin.fixture.ts";
import { formOf, jsonlFile, oneLine, startUpload, upload } from "./files.fixture.ts";

const bytes = Buffer.byteLength(oneLine);
const form = (content?: string) => formOf(["purpose", "batch"], ["file", jsonlFile(content)]);

const tooManyFiles = (files: number) => ({
  status: 429,
  code: "insufficient_quota",
  message: `The tenant of this API key may have ${files} files (stored_files), and has that many. Delete files, or wait until some expire.`,
  shouldRetry: "false",
  retryAfter: null,
});

/** The use and the limits of a key, as the admin sees them. */
async function shownOf(api: TestApi, id: string) {
  const { usage, limits, default_limits } = await (await askAdmin(api, "GET", `/admin/keys/${id}`)).json();
  return { files: usage.stored_files, bytes: usage.stored_bytes, limits, default_limits };
}

describe("stored_files", () => {
  test("takes exactly ten of a hundred uploads that come together to two processes", async () => {
    const one = await startApi();
    const { key, id } = await openLimitedKey(one, { limits: { stored_files: 10 } });
    const two = await startApi({ beside: one });
    // So many at a time as a process has places for one tenant.
    const outcomes: { status: number }[] = [];
    for (let round = 0; round < 4; round++) {
      const answers = Array.from({ length: 25 }, (_, i) => upload(i % 2 === 0 ? one : two, form(), key));
      outcomes.push(...(await Promise.all((await Promise.all(answers)).map(outcomeOf))));
    }
    expect(outcomes.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(outcomes.filter(({ status }) => status !== 200)).toEqual(Array.from({ length: 90 }, () => tooManyFiles(10)));
    expect(await shownOf(two, id)).toMatchObject({
      files: 10,
      bytes: 10 * bytes,
      limits: { stored_files: 10, stored_bytes: null },
      default_limits: { stored_files: 10_000 },
    });
  });

  test("counts the files of all keys of the tenant, and gives back what any of them deletes", async () => {
    const api = await startApi();
    const one = await openLimitedKey(api, { limits: { stored_files: 2 } });
    const other = await openLimitedKey(api, { name: "other" });
    const kept = await (await upload(api, form(), other.key)).json();
    expect((await upload(api, form(), one.key)).status).toBe(200);
    expect(await outcomeOf(await upload(api, form(), one.key))).toEqual(tooManyFiles(2));
    // A key without a limit of its own has that of the installation.
    expect((await upload(api, form(), other.key)).status).toBe(200);
    await one.call(`/v1/files/${kept.id}`, { method: "DELETE" });
    expect((await upload(api, form(), one.key)).status).toBe(429);
    const [first] = (await (await one.call("/v1/files")).json()).data;
    await one.call(`/v1/files/${first.id}`, { method: "DELETE" });
    expect((await upload(api, form(), one.key)).status).toBe(200);
  });

  test("is that of the installation where the key has none, and survives a restart", async () => {
    const before = await startApi({ defaultLimits: { stored_files: 1 } });
    expect((await upload(before, form())).status).toBe(200);
    const after = await startApi({ beside: before, defaultLimits: { stored_files: 1 } });
    expect(await outcomeOf(await upload(after, form()))).toMatchObject({ status: 429, code: "insufficient_quota" });
  });
});

describe("stored_bytes", () => {
  const refused = (most: number) => ({
    status: 429,
    code: "insufficient_quota",
    message: `The files of this API key's tenant may have ${most} bytes together (stored_bytes), and with this one they would have more. Delete files, or wait until some expire.`,
    shouldRetry: "false",
    retryAfter: null,
  });

  test("takes a file that fits to the byte", async () => {
    const api = await startApi();
    const { key } = await openLimitedKey(api, { limits: { stored_bytes: 2 * bytes } });
    expect((await upload(api, form(), key)).status).toBe(200);
    expect(await outcomeOf(await upload(api, form(`${oneLine}x`), key))).toEqual(refused(2 * bytes));
    expect((await upload(api, form(), key)).status).toBe(200);
    expect(await outcomeOf(await upload(api, form("x"), key))).toEqual(refused(2 * bytes));
  });

  test("refuses an upload by the length that it announces, before it is sent", async () => {
    const api = await startApi();
    const { key } = await openLimitedKey(api, { limits: { stored_bytes: 1_000_000 } });
    const headers = { authorization: `Bearer ${key}`, "content-length": 5_000_000 };
    const { sending, answered } = startUpload(api, headers);
    sending.flushHeaders();
    expect(await answered).toMatchObject({ status: 429, body: { error: { code: "insufficient_quota" } } });
    sending.destroy();
  });
});
