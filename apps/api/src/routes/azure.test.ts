import { imageResponseSchema } from "@darkroom/contracts";
import { AzureOpenAI } from "openai";
import { beforeAll, describe, expect, test } from "vitest";
import { adminKey, apiKey, keepApi, type KeptApi } from "../api.fixture.ts";
import { drawing } from "../worker.fixture.ts";

const bytes = Buffer.from("the bytes of an image");
const apiVersion = "2026-05-01-preview";

let api: KeptApi;
beforeAll(async () => {
  api = await keepApi();
  await api.work(drawing(api.store, bytes));
  return api.close;
});

/** Without the `Authorization` that all other tests send. */
const call = (path: string, headers: Record<string, string>, init: RequestInit = {}) =>
  fetch(`${api.baseUrl}${path}`, { ...init, headers: { "content-type": "application/json", ...headers } });

const post = (path: string, body: unknown, headers: Record<string, string> = { "api-key": apiKey }) =>
  call(path, headers, { method: "POST", body: JSON.stringify(body) });

const modelOf = async (answer: Response) =>
  (await api.queue.generations.read(answer.headers.get("x-generation-id") ?? ""))?.model;

describe("the AzureOpenAI client of the openai package", () => {
  test("draws with the deployment that it was made for, and with the one that a request names", async () => {
    const settings = { endpoint: api.baseUrl, apiKey, apiVersion, maxRetries: 0 };
    const fixed = new AzureOpenAI({ ...settings, deployment: "dall-e-3" });
    const linked = await fixed.images.generate({ prompt: "a cat", response_format: "url" }).withResponse();
    expect(linked.data.data).toEqual([expect.objectContaining({ url: expect.any(String) })]);
    expect(await modelOf(linked.response)).toBe("dall-e-3");

    const free = new AzureOpenAI(settings);
    const inline = await free.images.generate({ model: "gpt-image-2", prompt: "a cat" }).withResponse();
    expect(Buffer.from(inline.data.data?.[0]?.b64_json ?? "", "base64")).toEqual(bytes);
    expect(await modelOf(inline.response)).toBe("gpt-image-2");
  });

  test("streams", async () => {
    const client = new AzureOpenAI({ endpoint: api.baseUrl, apiKey, apiVersion, deployment: "gpt-image-2" });
    const events = [];
    for await (const event of await client.images.generate({ prompt: "a cat", stream: true })) events.push(event.type);
    expect(events).toEqual(["image_generation.completed"]);
  });
});

describe("POST /openai/deployments/{model}/images/generations", () => {
  const path = (model: string) => `/openai/deployments/${model}/images/generations?api-version=${apiVersion}`;

  test("200, drawn by the model of the path whatever the body says", async () => {
    const answer = await post(path("dall-e-3"), { prompt: "a cat", model: "gpt-image-2" });
    expect(imageResponseSchema.parse(await answer.json()).data).toHaveLength(1);
    expect(await modelOf(answer)).toBe("dall-e-3");
  });

  test.each([
    ["a model that is not served", "dall-e-9", { prompt: "a cat" }, "model"],
    ["a body that is no object", "dall-e-3", [], null],
    ["a body without a prompt", "dall-e-3", {}, "prompt"],
  ])("400 for %s", async (_what, model, body, param) => {
    const answer = await post(path(model), body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param } });
  });

  test("401 without a key, and 405 for another method", async () => {
    expect((await post(path("dall-e-3"), { prompt: "a cat" }, {})).status).toBe(401);
    expect((await call(path("dall-e-3"), { "api-key": apiKey })).status).toBe(405);
  });
});

describe("/openai/v1", () => {
  test("has the images, whatever the version that is asked for", async () => {
    for (const query of ["", "?api-version=preview"]) {
      const answer = await post(`/openai/v1/images/generations${query}`, { prompt: "a cat", model: "dall-e-2" });
      expect(answer.status).toBe(200);
    }
  });

  test.each(["models", "models/gpt-image-2", "files", "batches", "generations", "usage"])(
    "has GET /v1/%s, with the version in its query",
    async (route) => {
      const answer = await call(`/openai/v1/${route}?api-version=preview`, { "api-key": apiKey });
      expect(answer.status).toBe(200);
    },
  );

  test("refuses what else is unknown in a query", async () => {
    const answer = await call("/openai/v1/files?api-version=preview&colour=red", { "api-key": apiKey });
    expect(answer.status).toBe(400);
    expect((await call("/v1/files?api-version=preview", { "api-key": apiKey })).status).toBe(400);
  });
});

describe("a key", () => {
  test.each(["api-key", "x-api-key"])("is taken from %s, of a caller and of the admin", async (header) => {
    expect((await call("/v1/models", { [header]: apiKey })).status).toBe(200);
    expect((await call("/admin/keys", { [header]: adminKey })).status).toBe(200);
    expect((await call("/v1/models", { [header]: `${apiKey}x` })).status).toBe(401);
    // The admin key draws nothing, wherever it stands.
    expect((await call("/v1/models", { [header]: adminKey })).status).toBe(403);
  });

  test("that stands in Authorization is the one that counts", async () => {
    const right = { authorization: `Bearer ${apiKey}`, "api-key": "sk-wrong" };
    const wrong = { authorization: "Bearer sk-wrong", "api-key": apiKey };
    expect((await call("/v1/models", right)).status).toBe(200);
    expect((await call("/v1/models", wrong)).status).toBe(401);
  });
});
