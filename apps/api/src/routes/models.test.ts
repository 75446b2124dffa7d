import { loadCatalogue } from "@darkroom/models";
import { OpenAI } from "openai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { apiKey, startApi } from "../api.fixture.ts";
import { generationIn } from "../generation.fixture.ts";

test("the SDK lists the models and finds one by its id and by its alias", async () => {
  const { baseUrl } = await startApi();
  const client = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey });
  const ids: string[] = [];
  for await (const { id } of client.models.list()) ids.push(id);
  expect(ids).toEqual(expect.arrayContaining(["dall-e-2", "dall-e-3", "gpt-image-1", "doubao-seedream-3-0-t2i"]));

  const model = await client.models.retrieve("gpt-image-2-2026-04-21");
  expect(model).toMatchObject({ id: "gpt-image-2", object: "model", owned_by: "openai", created: 1_776_729_600 });
  expect(model).toMatchObject({ limits: { sizes: { min_pixels: 655_360, max_pixels: 8_294_400 } } });
});

test("a model tells its limits, prices and last day", async () => {
  const { baseUrl } = await startApi();
  const answer = await fetch(`${baseUrl}/v1/models/dall-e-3`, { headers: { authorization: `Bearer ${apiKey}` } });
  expect(await answer.json()).toMatchObject({
    sunset: "2026-05-12",
    limits: {
      prompt_characters: 4_000,
      images: 1,
      sizes: { values: ["1024x1024", "1792x1024", "1024x1792"], default: "1024x1024" },
      parameters: { style: { values: ["vivid", "natural"] } },
      output_tokens_per_image: null,
    },
    prices: { per_image_micros: { hd: { "1024x1024": 80_000 } }, per_1k_tokens_micros: null },
  });
});

test("one model is told to be that of a request without `model`, and it is the one that draws it", async () => {
  const api = await startApi();
  const answer = await fetch(`${api.baseUrl}/v1/models`, { headers: { authorization: `Bearer ${apiKey}` } });
  const { data } = z
    .object({ data: z.array(z.object({ id: z.string(), is_default: z.boolean() })) })
    .parse(await answer.json());
  const drawn = await api.generate({ prompt: "a cat" }, { headers: { prefer: "respond-async" } });
  const { model } = await generationIn(drawn);
  expect(data.filter(({ is_default }) => is_default).map(({ id }) => id)).toEqual([model]);
});

describe("a model that its maker has switched off", () => {
  const show = async (retired: "pass" | "successor") => {
    const now = () => Date.parse("2026-05-12T00:00:00Z");
    const api = await startApi({ catalogue: loadCatalogue({ retired, now }) });
    const { data } = z
      .object({
        data: z.array(z.object({ id: z.string(), drawn_by: z.string().nullable(), warning: z.string().nullable() })),
      })
      .parse(await (await api.call("/v1/models")).json());
    return new Map(data.map(({ id, ...told }) => [id, told]));
  };

  test("is told with a warning that names what to ask for", async () => {
    const models = await show("pass");
    expect(models.get("dall-e-3")).toEqual({
      drawn_by: null,
      warning:
        "Its maker switched it off on 2026-05-12, and its provider refuses it. Ask for 'gpt-image-2.5-flare' in its place.",
    });
    expect(models.get("gpt-image-1")).toEqual({ drawn_by: null, warning: null });
  });

  test("is told with the successor that draws for it", async () => {
    const models = await show("successor");
    expect(models.get("dall-e-3")).toEqual({ drawn_by: "gpt-image-2.5-flare", warning: null });
    expect(models.get("gpt-image-1")).toEqual({ drawn_by: null, warning: null });
  });
});
