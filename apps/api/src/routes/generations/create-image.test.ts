import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { errorBodySchema, imageResponseSchema } from "@darkroom/contracts";
import { OpenAI } from "openai";
import { describe, expect, onTestFinished, test } from "vitest";
import { apiKey, startApi, type TestApi } from "../../api.fixture.ts";
import { drawing } from "../../worker.fixture.ts";
import { StorageError } from "@darkroom/storage";

/** Not a picture: nothing here looks inside. Of a length that base64 must pad. */
const bytes = Buffer.from("the bytes of an image");

async function withWork(
  options: Parameters<typeof startApi>[0] = {},
  more: Parameters<typeof drawing>[2] = {},
): Promise<TestApi> {
  const api = await startApi(options);
  await api.work(drawing(api.store, bytes, more));
  return api;
}

describe("200", () => {
  test("links to the images, in the order of their indexes", async () => {
    const api = await withWork();
    const answer = await api.generate({ prompt: "a cat", model: "dall-e-2", n: 3 });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-request-id")).toMatch(/^req_[0-9a-f]{32}$/);
    const id = answer.headers.get("x-generation-id");
    expect(id).toMatch(/^gen_/);

    const body = await answer.json();
    expect(imageResponseSchema.strict().parse(body)).toEqual(body);
    expect(body).toEqual({
      created: expect.any(Number),
      data: [0, 1, 2].map((index) => ({
        b64_json: null,
        url: expect.stringContaining(`/images/acme/${id}/${index}.png?`),
        // The only one that the model has.
        quality: "standard",
        size: "1024x1024",
      })),
    });
    expect(Math.abs(body.created - Date.now() / 1_000)).toBeLessThan(60);
    const image = await api.follow(body.data[0].url);
    expect(await image.text()).toBe("the bytes of an image");
  });

  test("the images themselves as base64, for every model", async () => {
    const api = await withWork();
    const answer = await api.generate({ prompt: "a cat", model: "dall-e-2", n: 2, response_format: "b64_json" });
    const image = { b64_json: bytes.toString("base64"), quality: "standard", size: "1024x1024" };
    expect(await answer.json()).toEqual({ created: expect.any(Number), data: [image, image] });
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
  });

  test("background, format and usage for the GPT image family", async () => {
    const usage = {
      prompt_tokens: 50,
      input_tokens: 50,
      output_tokens: 4_160,
      total_tokens: 4_210,
      input_tokens_details: { text_tokens: 40, image_tokens: 10 },
    };
    const api = await withWork({}, { background: "opaque", quality: "high", usage });
    for (const response_format of ["url", "b64_json"] as const) {
      const answer = await api.generate({ prompt: "a cat", model: "gpt-image-1", response_format });
      const body = await answer.json();
      expect(imageResponseSchema.strict().parse(body)).toEqual(body);
      const facts = { output_format: "png", quality: "high", size: "1024x1024" };
      expect(body).toEqual({
        created: expect.any(Number),
        background: "opaque",
        // As OpenAI does, beside the images.
        ...facts,
        usage,
        data: [expect.objectContaining(facts)],
      });
    }
  });

  test("the quality of each image, and beside the images only one that all have", async () => {
    const api = await startApi();
    const draw = drawing(api.store, bytes, { quality: "high" });
    await api.work(async (attempt) => {
      const outcome = await draw(attempt);
      if (outcome.kind !== "succeeded") return outcome;
      const images = outcome.delivery.images.map((image) => (image.index === 1 ? { ...image, quality: "low" } : image));
      return { ...outcome, delivery: { ...outcome.delivery, images } };
    });
    const answer = await (await api.generate({ prompt: "a cat", model: "gpt-image-1", n: 2 })).json();
    expect(answer.data).toMatchObject([{ quality: "high" }, { quality: "low" }]);
    expect(answer).not.toHaveProperty("quality");
  });

  test.each([
    [{ safety_identifier: "s-1", user: "u-1" }, "s-1"],
    [{ safety_identifier: "", user: "u-1" }, "u-1"],
    [{ user: "u-1" }, "u-1"],
    [{ user: "" }, undefined],
    [{}, undefined],
  ])("the safety identifier that counts, for the GPT image family: %j", async (identifiers, told) => {
    const api = await withWork();
    const answer = await (await api.generate({ prompt: "a cat", model: "gpt-image-2", ...identifiers })).json();
    expect(answer.safety_identifier).toBe(told);
    const other = await (await api.generate({ prompt: "a cat", model: "dall-e-2", ...identifiers })).json();
    expect(other).not.toHaveProperty("safety_identifier");
  });

  test("what is not the same of all images is told of each alone", async () => {
    const api = await startApi();
    const draw = drawing(api.store, bytes);
    await api.work(async (attempt) => {
      const outcome = await draw(attempt);
      if (outcome.kind === "succeeded") for (const image of outcome.delivery.images) image.width += 16 * image.index;
      return outcome;
    });
    const { data, ...head } = await (await api.generate({ prompt: "a cat", model: "gpt-image-2", n: 2 })).json();
    // Nor is an `auto` that the upstream did not settle: OpenAI's clients know none there.
    expect(head).toEqual({ created: expect.any(Number), output_format: "png" });
    expect(data.map(({ size }: { size: string }) => size)).toEqual(["1024x1024", "1040x1024"]);
  });

  test("a revised prompt, and no GPT facts, for dall-e-3", async () => {
    const api = await startApi();
    const draw = drawing(api.store, bytes, { background: "opaque" });
    await api.work(async (attempt) => {
      const outcome = await draw(attempt);
      if (outcome.kind === "succeeded")
        for (const image of outcome.delivery.images) image.revisedPrompt = 'a "good" cat';
      return outcome;
    });
    const link = { b64_json: null, url: expect.any(String) };
    const formats = { url: link, b64_json: { b64_json: expect.any(String) } };
    for (const [response_format, image] of Object.entries(formats)) {
      const body = await (await api.post({ prompt: "a cat", model: "dall-e-3", response_format })).json();
      expect(Object.keys(body)).toEqual(["created", "data"]);
      const facts = { revised_prompt: 'a "good" cat', quality: "standard", size: "1024x1024" };
      expect(body.data).toEqual([{ ...image, ...facts }]);
    }
  });

  test("what the record keeps for the worker is the upstream's side of the request", async () => {
    const api = await withWork();
    const answer = await api.generate({ prompt: "a cat", model: "dall-e-2", job: { metadata: { a: "b" } } });
    const record = await api.queue.generations.read(answer.headers.get("x-generation-id") ?? "");
    expect(record).toMatchObject({
      tenant: "acme",
      keyId: expect.stringMatching(/^key_/),
      lane: "openai.interactive",
      model: "dall-e-2",
      request: { prompt: "a cat", model: "dall-e-2", job: { metadata: { a: "b" } } },
      upstream: { model: "dall-e-2", parameters: { n: 1, size: "1024x1024" } },
    });
  });
});

describe("the official SDK", () => {
  test("gets an image in both formats", async () => {
    const api = await withWork();
    const client = new OpenAI({ baseURL: `${api.baseUrl}/v1`, apiKey, maxRetries: 0 });
    const linked = await client.images.generate({ model: "dall-e-2", prompt: "a cat" });
    const url = linked.data?.[0]?.url ?? "";
    expect(Buffer.from(await (await api.follow(url)).arrayBuffer())).toEqual(bytes);
    const inline = await client.images.generate({ model: "gpt-image-1", prompt: "a cat", response_format: "b64_json" });
    expect(Buffer.from(inline.data?.[0]?.b64_json ?? "", "base64")).toEqual(bytes);
  });

  test("does not send a failed generation again", async () => {
    const api = await startApi();
    let calls = 0;
    await api.work(async () => {
      calls++;
      return { kind: "failed", error: { code: "upstream_error", message: "The provider broke." } };
    });
    const client = new OpenAI({ baseURL: `${api.baseUrl}/v1`, apiKey });
    await expect(client.images.generate({ model: "dall-e-2", prompt: "a cat" })).rejects.toMatchObject({
      status: 502,
      error: { message: "The provider broke.", type: "server_error", param: null, code: "upstream_error" },
    });
    expect(calls).toBe(1);
  });

  test("meets its own errors", async () => {
    const api = await startApi();
    const client = new OpenAI({ baseURL: `${api.baseUrl}/v1`, apiKey: "sk-unknown" });
    await expect(client.images.generate({ prompt: "a cat" })).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(client.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  });
});

describe("endings without images", () => {
  test("400 with the parameter, when the provider refused the content", async () => {
    const api = await startApi();
    const error = {
      code: "moderation_blocked",
      message: "The provider refused this prompt.",
      param: "prompt",
    } as const;
    await api.work(async () => ({ kind: "failed", error }));
    const answer = await api.generate({ prompt: "a cat", model: "dall-e-2" });
    expect(answer.status).toBe(400);
    expect(answer.headers.get("x-should-retry")).toBe("false");
    expect(answer.headers.get("x-generation-id")).toMatch(/^gen_/);
    expect(await answer.json()).toEqual({ error: { ...error, type: "invalid_request_error" } });
  });

  test("504 when job.expires_in ran out before it was begun", async () => {
    const api = await startApi();
    const submitted = api.nextSubmission();
    const waiting = api.generate({ prompt: "a cat", model: "dall-e-2", job: { expires_in: 1 } });
    await submitted;
    // A worker that comes too late, by the clock of Redis, which no test can set.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await api.work(drawing(api.store, bytes));
    const answer = await waiting;
    expect(answer.status).toBe(504);
    expect(answer.headers.get("x-should-retry")).toBe("false");
    expect(await answer.json()).toMatchObject({ error: { code: "timeout_error", param: "job.expires_in" } });
  });

  test("503 to be sent again when the queue lost it", async () => {
    const api = await startApi();
    const submitted = api.nextSubmission();
    const waiting = api.generate({ prompt: "a cat", model: "dall-e-2" });
    await submitted;
    await api.loseRecords();
    const answer = await waiting;
    expect(answer.status).toBe(503);
    expect(answer.headers.get("x-should-retry")).toBe("true");
    expect(answer.headers.get("retry-after")).toBe("1");
  });

  test("503, not to be sent again, when the images cannot be read", async () => {
    const away = () => Promise.reject(new StorageError({ operation: "get", retryable: true, advice: "Away." }));
    const api = await withWork({ objects: (store) => ({ ...store, get: away }) });
    const answer = await api.generate({ prompt: "a cat", model: "dall-e-2", response_format: "b64_json" });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("x-should-retry")).toBe("false");
    const { error } = errorBodySchema.parse(await answer.json());
    expect(error.message).toContain(answer.headers.get("x-generation-id"));
  });
});

test("504 after the sync timeout names the generation, which goes on", async () => {
  const api = await startApi({ syncTimeoutMs: 100 });
  const answer = await api.generate({ prompt: "a cat", model: "dall-e-2" });
  expect(answer.status).toBe(504);
  expect(answer.headers.get("x-should-retry")).toBe("false");
  const id = answer.headers.get("x-generation-id") ?? "";
  const { error } = errorBodySchema.parse(await answer.json());
  expect(error).toMatchObject({ code: "timeout_error", type: "server_error", param: null });
  expect(error.message).toContain(id);
  expect((await api.queue.generations.read(id))?.status).toBe("queued");
  await api.work(drawing(api.store, bytes));
  await expect.poll(async () => (await api.queue.generations.read(id))?.status).toBe("succeeded");
});

test("a response breaks off when an image cannot be read half-way", async () => {
  const api = await startApi({
    objects: (store) => ({
      ...store,
      get: async (key) => {
        if (key.endsWith("/1.png")) throw new Error("The disk broke");
        return store.get(key);
      },
    }),
  });
  await api.work(drawing(api.store, Buffer.alloc(300_000)));
  const answer = await api.generate({ prompt: "a cat", model: "dall-e-2", n: 2, response_format: "b64_json" });
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow("terminated");
});

test("a store read that no client needs any more is closed", async () => {
  const closed: Promise<unknown>[] = [];
  const api = await startApi({
    objects: (store) => ({
      ...store,
      get: async (key) => {
        const object = await store.get(key);
        closed.push(new Promise((resolve) => object.body.once("close", resolve)));
        return object;
      },
    }),
  });
  await api.work(drawing(api.store, Buffer.alloc(8_000_000)));
  const controller = new AbortController();
  onTestFinished(() => controller.abort());
  const request = { prompt: "a cat", model: "dall-e-2", response_format: "b64_json" } as const;
  const answer = await api.generate(request, { signal: controller.signal });
  const reader = answer.body?.getReader();
  await reader?.read();
  controller.abort();
  await Promise.all(closed);
  expect(closed).toHaveLength(1);
});

test("links and base64 carry the same bytes", async () => {
  const api = await startApi();
  const random = randomBytes(1_000_001);
  await api.work(drawing(api.store, random));
  const inline = await (await api.generate({ prompt: "a cat", model: "dall-e-2", response_format: "b64_json" })).json();
  expect(Buffer.from(inline.data[0].b64_json, "base64").equals(random)).toBe(true);
  const linked = await (await api.generate({ prompt: "a cat", model: "dall-e-2" })).json();
  const { body } = await api.follow(linked.data[0].url);
  if (body === null) throw new Error("no body");
  expect((await buffer(body)).equals(random)).toBe(true);
});
