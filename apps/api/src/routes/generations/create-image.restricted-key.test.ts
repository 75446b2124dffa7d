import { expect, test } from "vitest";
import { startApi } from "../../api.fixture.ts";
import { askAdmin, makeKey } from "../admin/admin.fixture.ts";

test("403 for a model that the key may not use, naming those that it may", async () => {
  const api = await startApi();
  const { key } = await makeKey(api, { models: ["dall-e-2", "gpt-image-1"] });
  const ask = (body: object) =>
    api.post({ prompt: "a cat", ...body }, { headers: { authorization: `Bearer ${key}`, prefer: "respond-async" } });
  expect((await ask({ model: "dall-e-2" })).status).toBe(202);
  const refused = await ask({ model: "dall-e-3" });
  expect(refused.status).toBe(403);
  expect(await refused.json()).toEqual({
    error: {
      message: "This key may not use 'dall-e-3'. It may use: 'dall-e-2', 'gpt-image-1'.",
      type: "permission_error",
      param: "model",
      code: "model_not_allowed",
    },
  });
  // An alias is the model that it stands for.
  expect((await ask({ model: "gpt-image-2-2026-04-21" })).status).toBe(403);
});

test("a restricted key is shown its own models", async () => {
  const api = await startApi();
  const { key } = await makeKey(api, { models: ["dall-e-2", "gpt-image-1"] });
  const list = await (await api.call("/v1/models", { key })).json();
  expect(list.data.map(({ id }: { id: string }) => id).toSorted()).toEqual(["dall-e-2", "gpt-image-1"]);
  expect((await api.call("/v1/models/dall-e-2", { key })).status).toBe(200);
  expect((await api.call("/v1/models/dall-e-3", { key })).status).toBe(403);
  expect((await api.call("/v1/models/no-such", { key })).status).toBe(404);
});

test("403 for a retry of what the key may not use, or of what the generation's own key may not use any more", async () => {
  const api = await startApi();
  const own = await makeKey(api, { name: "own" });
  const other = await makeKey(api, { name: "other", models: ["dall-e-3"] });
  const post = (path: string, key: string) => api.call(path, { method: "POST", key });
  const headers = { authorization: `Bearer ${own.key}`, prefer: "respond-async" };
  const { id } = await (await api.post({ prompt: "a cat", model: "dall-e-2" }, { headers })).json();
  await post(`/v1/generations/${id}/cancel`, own.key);

  expect((await post(`/v1/generations/${id}/retry`, other.key)).status).toBe(403);
  await askAdmin(api, "PATCH", `/admin/keys/${own.id}`, { models: ["dall-e-3"] });
  const refused = await post(`/v1/generations/${id}/retry`, own.key);
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ error: { code: "model_not_allowed", param: "model" } });
  // Another key of the tenant, which may use every model, cannot have it drawn at the expense of this one.
  expect((await api.call(`/v1/generations/${id}/retry`, { method: "POST" })).status).toBe(403);
  await askAdmin(api, "PATCH", `/admin/keys/${own.id}`, { models: null });
  expect((await post(`/v1/generations/${id}/retry`, own.key)).status).toBe(202);
});
