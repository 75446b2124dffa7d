import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startFakeOpenAi, temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createBatch, expectEveryLineOnce, untilEnded } from "./batches.ts";
import { startStack } from "./stack.ts";

const models = `models:
  flux:
    provider: openai
    maxImages: 4
    upstream: { model: black-forest-labs/FLUX.1-dev }
    sizes: { values: [64x64], default: 64x64 }
    prices: { perImageMicros: { any: { any: 1000 } } }
    customParameters:
      steps: { type: integer, min: 1, max: 50, default: 28, upstream: num_inference_steps }
      cfg: { type: number, min: 0, max: 20, upstream: true_cfg_scale }
      negative_prompt: { type: string, maxLength: 200 }
      tiling: { type: boolean }
      loras:
        type: list
        maxItems: 2
        upstream: lora_weights
        of: { type: object, fields: { model: { type: string }, scale: { type: number, min: 0, max: 4 } } }
`;

test("an upstream gets the parameters that the operator declared by their names there, of a call and of a batch's line", async () => {
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  const file = join(await temporaryFolder(), "models.yaml");
  await writeFile(file, models);
  const stack = await startStack({
    environment: {
      MODELS_FILE: file,
      OPENAI_API_KEY: "sk-fake",
      OPENAI_BASE_URL: upstream.baseUrl,
      PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true",
    },
  });
  const sent = { model: "black-forest-labs/FLUX.1-dev", size: "64x64" };

  const asked = {
    steps: 9,
    cfg: 3.5,
    negative_prompt: "blur 🌫",
    tiling: false,
    loras: [{ model: "felt", scale: 0.123456789012345 }, { model: "ink" }],
  };
  const answer = await stack.generate({ model: "flux", prompt: "a cat", n: 2, ...asked });
  expect(answer.status).toBe(200);
  const { steps, cfg, loras, ...sameNames } = asked;
  const renamed = { num_inference_steps: steps, true_cfg_scale: cfg, lora_weights: loras };
  expect(upstream.requests[0]?.body).toEqual({ ...sent, prompt: "a cat", n: 2, ...sameNames, ...renamed });

  const refused = await stack.generate({ model: "flux", prompt: "a cat", steps: 51 });
  expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: "steps" } }]);

  const lines = [
    { custom_id: "given", body: { model: "flux", size: "64x64", prompt: "given", loras: [], cfg: 0 } },
    { custom_id: "silent", body: { model: "flux", size: "64x64", prompt: "silent" } },
  ];
  const batch = await untilEnded(stack.openai(), (await createBatch(stack.openai(), lines)).id);
  expect(batch.status).toBe("completed");
  await expectEveryLineOnce(stack.openai(), batch, lines);
  const bodies = upstream.requests.slice(1).map(({ body }) => body);
  const line = { ...sent, n: 1, num_inference_steps: 28 };
  expect(bodies.toSorted((a, b) => String(a["prompt"]).localeCompare(String(b["prompt"])))).toEqual([
    { ...line, prompt: "given", lora_weights: [], true_cfg_scale: 0 },
    { ...line, prompt: "silent" },
  ]);
});
