import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import OpenAI, { BadRequestError, NotFoundError, toFile } from "openai";
import { beforeAll, describe, expect, test } from "vitest";
import { apiKey, keepApi, startApi, type TestApi } from "../../api.fixture.ts";
import { oneLine } from "./files.fixture.ts";

const clientOf = (api: TestApi) => new OpenAI({ apiKey, baseURL: `${api.baseUrl}/v1`, maxRetries: 0 });

describe("the openai SDK", () => {
  let client: OpenAI;
  beforeAll(async () => {
    const api = await keepApi();
    client = clientOf(api);
    return api.close;
  });

  test("uploads a file from the disk, and takes it back", async () => {
    const path = join(await temporaryFolder(), "prompts.jsonl");
    const content = oneLine.repeat(100_000);
    await writeFile(path, content);
    const file = await client.files.create({ file: createReadStream(path), purpose: "batch" });
    expect(file).toMatchObject({ filename: "prompts.jsonl", purpose: "batch", bytes: content.length });
    expect(await client.files.retrieve(file.id)).toEqual(file);
    expect(await (await client.files.content(file.id)).text()).toBe(content);
  });

  test("uploads a file from memory, with its time to live", async () => {
    const file = await client.files.create({
      file: await toFile(Buffer.from(oneLine), "a.jsonl"),
      purpose: "batch",
      expires_after: { anchor: "created_at", seconds: 3_600 },
    });
    expect((file.expires_at ?? 0) - file.created_at).toBe(3_600);
  });

  test("is told what is wrong", async () => {
    const file = await toFile(Buffer.from(oneLine), "a.json");
    const error: unknown = await client.files.create({ file, purpose: "batch" }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, param: "file" });
    expect(String(error)).toContain("Invalid file format for Batch API. Must be .jsonl");
    await expect(client.files.retrieve("file-none")).rejects.toBeInstanceOf(NotFoundError);
  });

  test("lists them all, page after page, and deletes them", async () => {
    const own = clientOf(await startApi());
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      const file = await toFile(Buffer.from(oneLine), `${i}.jsonl`);
      ids.push((await own.files.create({ file, purpose: "batch" })).id);
    }
    const listed: string[] = [];
    for await (const { id } of own.files.list({ limit: 2, order: "asc", purpose: "batch" })) listed.push(id);
    expect(listed.toSorted()).toEqual(ids.toSorted());
    for (const id of ids) expect(await own.files.delete(id)).toEqual({ id, object: "file", deleted: true });
    expect((await own.files.list()).data).toEqual([]);
  });
});
