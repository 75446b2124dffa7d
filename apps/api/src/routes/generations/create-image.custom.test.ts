import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCatalogue } from "@darkroom/models";
import { expect, onTestFinished, test } from "vitest";
import { startApi } from "../../api.fixture.ts";
import { generationIn } from "../../generation.fixture.ts";

const models = `models:
  flux:
    provider: openai
    maxImages: 4
    sizes: { values: [1024x1024] }
    customParameters:
      steps: { type: integer, min: 1, max: 50, upstream: num_inference_steps }
      loras: { type: list, maxItems: 2, of: { type: object, fields: { path: { type: string } } } }
`;

async function startWithFlux() {
  const folder = mkdtempSync(join(tmpdir(), "darkroom-models-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "models.yaml");
  writeFileSync(file, models);
  return startApi({ catalogue: loadCatalogue({ file }) });
}

const headers = { prefer: "respond-async" };
const request = { prompt: "a cat", model: "flux", steps: 9 };

test("a parameter that the operator declared is taken, kept as the caller sent it, and put to the upstream by its name", async () => {
  const api = await startWithFlux();
  const shown = await generationIn(await api.generate(request, { headers }));
  expect(shown.request).toEqual(request);
  expect(await api.queue.generations.read(shown.id)).toMatchObject({
    upstream: { model: "flux", parameters: { n: 1, custom: { num_inference_steps: 9 } } },
  });
  const { limits } = await (await api.call("/v1/models/flux")).json();
  expect(limits.custom_parameters).toEqual({
    steps: { type: "integer", min: 1, max: 50 },
    loras: {
      type: "list",
      max_items: 2,
      of: { type: "object", fields: { path: { type: "string", max_length: 1000 } } },
    },
  });
});

test("it makes another request of one that is the same otherwise, and null is what silence is", async () => {
  const api = await startWithFlux();
  const ask = (more: object, key: string) =>
    api.generate({ ...request, ...more }, { headers: { ...headers, "idempotency-key": key } });
  expect((await ask({}, "a")).status).toBe(202);
  expect((await ask({ steps: 9, loras: null }, "a")).status).toBe(202);
  expect((await ask({ steps: 10 }, "a")).status).toBe(422);
  expect((await ask({ steps: null }, "b")).status).toBe(202);
  expect((await ask({ steps: undefined }, "b")).status).toBe(202);
});
