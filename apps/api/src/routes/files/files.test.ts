import { hash } from "node:crypto";
import { fileSchema, newFileId } from "@darkroom/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { keepApi, otherApiKey, startApi, type KeptApi } from "../../api.fixture.ts";
import { jsonlFile, oneLine, uploadFile } from "./files.fixture.ts";

const listSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(fileSchema.strict()),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

describe("GET /v1/files/{id}", () => {
  test("200 with the file", async () => {
    const api = await startApi();
    const file = await uploadFile(api);
    const answer = await api.call(`/v1/files/${file.id}`);
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(await answer.json()).toEqual(file);
  });

  test("404 for one that has expired, before it is swept", async () => {
    let nowMs = Date.now();
    const api = await startApi({ now: async () => nowMs });
    const { id } = await uploadFile(api);
    nowMs += 30 * 86_400_000 - 1;
    expect((await api.call(`/v1/files/${id}`)).status).toBe(200);
    nowMs += 1;
    for (const path of [`/v1/files/${id}`, `/v1/files/${id}/content`]) expect((await api.call(path)).status).toBe(404);
    expect(listSchema.parse(await (await api.call("/v1/files")).json()).data).toEqual([]);
  });
});

describe("GET /v1/files/{id}/content", () => {
  test("200 with the bytes, their length and name", async () => {
    const api = await startApi();
    const { id } = await uploadFile(api, jsonlFile(oneLine, "Größe.jsonl"));
    for (const method of ["GET", "HEAD"]) {
      const answer = await api.call(`/v1/files/${id}/content`, { method });
      expect(answer.status).toBe(200);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        "content-type": "application/jsonl",
        "content-length": String(oneLine.length),
        "repr-digest": `sha-256=:${hash("sha256", oneLine, "base64")}:`,
        "content-disposition": `attachment; filename="Gr??e.jsonl"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.jsonl`,
        "x-content-type-options": "nosniff",
      });
      expect(await answer.text()).toBe(method === "GET" ? oneLine : "");
    }
  });

  test("404 where the bytes are gone", async () => {
    const api = await startApi();
    const { id } = await uploadFile(api);
    await api.store.delete([`acme/files/${id}`]);
    const answer = await api.call(`/v1/files/${id}/content`);
    expect([answer.status, (await answer.json()).error.code]).toEqual([404, "not_found"]);
  });

  test("503 while the store is away", async () => {
    const api = await startApi({ objects: (store) => ({ ...store, get: () => Promise.reject(new Error("away")) }) });
    const { id } = await uploadFile(api);
    expect((await api.call(`/v1/files/${id}/content`)).status).toBe(503);
  });
});

describe("DELETE /v1/files/{id}", () => {
  test("200, and the file is gone, its bytes with it", async () => {
    const api = await startApi();
    const { id } = await uploadFile(api);
    const answer = await api.call(`/v1/files/${id}`, { method: "DELETE" });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ id, object: "file", deleted: true });
    expect(await api.store.head(`acme/files/${id}`)).toBeNull();
    expect((await api.call(`/v1/files/${id}`, { method: "DELETE" })).status).toBe(404);
    expect((await api.call(`/v1/files/${id}`)).status).toBe(404);
  });
});

describe("GET /v1/files", () => {
  async function withThree() {
    let nowMs = Date.now();
    const api = await startApi({ now: async () => nowMs++ });
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.push((await uploadFile(api)).id);
    const list = async (query = "") => {
      const { data, ...page } = listSchema.parse(await (await api.call(`/v1/files?${query}`)).json());
      return { seen: data.map(({ id }) => ids.indexOf(id)), page };
    };
    return { api, ids, list };
  }

  test("200 with all of them, newest first, or oldest", async () => {
    const { ids, list } = await withThree();
    expect(await list()).toEqual({
      seen: [2, 1, 0],
      page: { object: "list", first_id: ids[2], last_id: ids[0], has_more: false },
    });
    expect((await list("order=asc")).seen).toEqual([0, 1, 2]);
  });

  test("200 page by page", async () => {
    const { list } = await withThree();
    const first = await list("limit=2");
    expect(first).toMatchObject({ seen: [2, 1], page: { has_more: true } });
    expect(await list(`limit=2&after=${first.page.last_id}`)).toMatchObject({ seen: [0], page: { has_more: false } });
  });

  test("200 with those of one purpose", async () => {
    const { list } = await withThree();
    expect((await list("purpose=batch")).seen).toEqual([2, 1, 0]);
    expect(await list("purpose=batch_output")).toMatchObject({ seen: [], page: { first_id: null, last_id: null } });
  });

  // https://developers.openai.com/api/reference: the values of a file's purpose, and those of an upload.
  test.each(["assistants", "assistants_output", "evals", "fine-tune", "fine-tune-results", "user_data", "vision"])(
    "200 with none for %s, a purpose of OpenAI's that no file has here",
    async (purpose) => {
      const { list } = await withThree();
      expect(await list(`purpose=${purpose}`)).toEqual({
        seen: [],
        page: { object: "list", first_id: null, last_id: null, has_more: false },
      });
    },
  );

  test.each([
    ["limit=0", "limit"],
    ["limit=10001", "limit"],
    ["limit=ten", "limit"],
    ["order=up", "order"],
    ["purpose=pictures", "purpose"],
    ["purpose=vision&after=file-none", "after"],
    ["after=file-none", "after"],
    ["before=file-none", "before"],
  ])("400 for ?%s", async (query, param) => {
    const api = await startApi();
    const answer = await api.call(`/v1/files?${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: "invalid_request_error", param } });
  });
});

describe("another tenant", () => {
  let api: KeptApi;
  let id: string;
  beforeAll(async () => {
    api = await keepApi();
    id = (await uploadFile(api)).id;
    return api.close;
  });

  const routes = [
    ["GET", ""],
    ["GET", "/content"],
    ["DELETE", ""],
  ] as const;
  const ids: [string, () => string][] = [
    ["this tenant's", () => id],
    ["an unknown", () => newFileId(Date.now())],
    ["a malformed", () => "file-1"],
    ["a nasty", () => "..%2F..%2Ffile-1%00"],
  ];

  describe.each(routes)("%s /v1/files/{id}%s", (method, rest) => {
    test.each(ids)("404 for %s id, and all the same", async (_whose, theirs) => {
      const answer = await api.call(`/v1/files/${theirs()}${rest}`, { method, key: otherApiKey });
      expect(answer.status).toBe(404);
      expect((await answer.json()).error).toMatchObject({
        code: "not_found",
        message: "There is no file with this id.",
      });
      expect(await api.files.read(id)).not.toBeNull();
    });

    test("401 without a key", async () => {
      expect((await fetch(`${api.baseUrl}/v1/files/${id}${rest}`, { method })).status).toBe(401);
    });
  });

  test("sees none of them in its list, and cannot go on from one", async () => {
    expect(await (await api.call("/v1/files", { key: otherApiKey })).json()).toMatchObject({ data: [] });
    expect((await api.call(`/v1/files?after=${id}`, { key: otherApiKey })).status).toBe(400);
  });
});
