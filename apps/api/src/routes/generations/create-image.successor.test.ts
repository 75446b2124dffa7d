import { generationSchema } from "@darkroom/contracts";
import { loadCatalogue } from "@darkroom/models";
import { beforeAll, describe, expect, test } from "vitest";
import { keepApi, type KeptApi } from "../../api.fixture.ts";
import { generationIn } from "../../generation.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

const request = { prompt: "a cat", model: "dall-e-3", quality: "hd", style: "vivid", size: "1792x1024" } as const;

describe("a retired model that its successor draws for", () => {
  let api: KeptApi;
  beforeAll(async () => {
    api = await keepApi({ catalogue: loadCatalogue({ retired: "successor" }) });
    await api.work(drawing(api.store, Buffer.from("a picture")));
    return api.close;
  });

  test.each([
    ["a synchronous answer", {}, {}],
    ["an answer that does not wait", {}, { prefer: "respond-async" }],
    ["a stream of events", { stream: true }, {}],
    ["the answer to the same request again", {}, { "idempotency-key": "again" }],
  ])("is told in a header of %s, and in the generation", async (what, more, headers) => {
    const ask = () => api.generate({ ...request, prompt: what, ...more }, { headers });
    if ("idempotency-key" in headers) await (await ask()).text();
    const answer = await ask();
    expect(answer.ok).toBe(true);
    expect(answer.headers.get("x-generation-successor")).toBe("gpt-image-2.5-flare");
    await answer.text();

    const id = answer.headers.get("x-generation-id") ?? "";
    const shown = await generationIn(await api.call(`/v1/generations/${id}`));
    expect(shown).toMatchObject({
      model: "dall-e-3",
      successor: "gpt-image-2.5-flare",
      request: { size: "1792x1024" },
    });
    expect(await api.queue.generations.read(id)).toMatchObject({
      model: "dall-e-3",
      upstream: { model: "gpt-image-2.5-flare", parameters: { quality: "high", size: "1536x1024" } },
    });
  });

  test("is billed as it was asked for", async () => {
    const answer = await api.generate(request);
    expect(answer.headers.get("x-generation-cost")).toBe("120000");
  });

  test("is not told of a model that draws itself", async () => {
    const answer = await api.generate({ prompt: "a cat", model: "gpt-image-2" });
    expect(answer.headers.has("x-generation-successor")).toBe(false);
    const id = answer.headers.get("x-generation-id") ?? "";
    const body: unknown = await (await api.call(`/v1/generations/${id}`)).json();
    expect(generationSchema.parse(body)).not.toHaveProperty("successor");
  });
});
