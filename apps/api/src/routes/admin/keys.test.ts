import { apiKeySchema, createdApiKeySchema, noBudget, noLimits } from "@darkroom/contracts";
import { withinOneDay, startStopwatch } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { adminKey, startApi } from "../../api.fixture.ts";
import { request } from "../../generation.fixture.ts";
import { askAdmin, makeKey } from "./admin.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

const works = async (api: Awaited<ReturnType<typeof startApi>>, key: string) =>
  (await api.call("/v1/models", { key })).status === 200;

describe("POST /admin/keys", () => {
  test("makes a key that works at once, and shows it once", async () => {
    const api = await startApi();
    const answer = await askAdmin(api, "POST", "/admin/keys", {
      tenant: "acme",
      name: "ci",
      models: ["gpt-image-2-2026-04-21", "gpt-image-2", "dall-e-2"],
      limits: { images_per_minute: 100 },
      budget: { day: 5_000_000 },
      expires_at: 4_000_000_000,
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const { key, ...shown } = createdApiKeySchema.strict().parse(await answer.json());
    expect(shown).toEqual({
      id: expect.stringMatching(/^key_[0-9a-f]{24}$/),
      object: "api_key",
      tenant: "acme",
      name: "ci",
      prefix: key.slice(0, 18),
      status: "active",
      models: ["gpt-image-2", "dall-e-2"],
      limits: { ...noLimits, images_per_minute: 100 },
      budget: { ...noBudget, day: 5_000_000 },
      keep_alive: false,
      created_at: expect.closeTo(Date.now() / 1_000, -2),
      expires_at: 4_000_000_000,
      previous_key_expires_at: null,
    });
    expect(await works(api, key)).toBe(true);

    const read = async (): Promise<unknown> => (await askAdmin(api, "GET", `/admin/keys/${shown.id}`)).json();
    const nothing = { active: 0, queued: 0, reserved: 0, spent: { day: 0, month: 0, total: 0 } };
    // It has asked for its models above, which its process reports a moment later.
    const held = { http_requests: 1, stored_files: 0, stored_bytes: 0, unfinished_batch_lines: 0 };
    await expect.poll(read).toEqual({
      ...shown,
      default_limits: {
        held_requests: 1_000,
        http_requests_per_minute: 1_000_000,
        stored_files: 10_000,
        stored_bytes: 1_000_000_000_000,
        unfinished_batch_lines: 500_000,
      },
      usage: { ...nothing, ...held },
    });
  });

  test("works at every process within two seconds", async () => {
    const one = await startApi();
    const two = await startApi({ beside: one });
    const { key, id } = await makeKey(one);
    const sinceMadeMs = startStopwatch();
    await expect.poll(() => works(two, key)).toBe(true);
    expect(sinceMadeMs()).toBeLessThan(2_000);
    await askAdmin(one, "PATCH", `/admin/keys/${id}`, { status: "disabled" });
    const sinceDisabledMs = startStopwatch();
    await expect.poll(() => works(two, key)).toBe(false);
    expect(sinceDisabledMs()).toBeLessThan(2_000);
  });

  test("takes null for what is not restricted", async () => {
    const api = await startApi();
    const none = { models: null, limits: null, budget: null, expires_at: null };
    expect(await makeKey(api, none)).toMatchObject({ ...none, limits: noLimits, budget: noBudget });
  });
});

describe("GET /admin/keys", () => {
  test("lists them newest first, of all tenants or of one, in pages", async () => {
    const api = await startApi();
    const names: string[] = [];
    for (const tenant of ["acme", "other", "third"]) {
      names.unshift((await makeKey(api, { tenant, name: "ci" })).tenant);
    }
    names.unshift((await makeKey(api, { name: "laptop" })).tenant);
    const list = async (query: string) => (await askAdmin(api, "GET", `/admin/keys?${query}`)).json();
    const all = await list("");
    expect(all).toMatchObject({ object: "list", has_more: false, first_id: all.data[0].id, last_id: all.data[3].id });
    for (const one of all.data) apiKeySchema.strict().parse(one);
    expect(all.data.map(({ tenant }: { tenant: string }) => tenant).toSorted()).toEqual(names.toSorted());

    const first = await list("tenant=acme&limit=1");
    expect(first).toMatchObject({ has_more: true, data: [{ tenant: "acme" }] });
    const rest = await list(`tenant=acme&limit=1&after=${first.last_id}`);
    expect(rest).toMatchObject({ has_more: false, data: [{ tenant: "acme" }] });
    expect(rest.last_id).not.toBe(first.last_id);
    expect(await list("tenant=nobody")).toMatchObject({ data: [], first_id: null, last_id: null, has_more: false });
  });
});

describe("GET /admin/keys/{id}", () => {
  withinOneDay();

  test("tells what is under way and what was spent, today and this month", async () => {
    const api = await startApi();
    const { id } = await makeKey(api);
    const now = new Date().toISOString();
    const counted = { active: 3, queued: 2, reserved: 500, total: 90, day: now.slice(0, 10), daySpent: 40 };
    const account = `${api.prefix}:account:${id}`;
    await api.redis.hset(account, { ...counted, month: now.slice(0, 7), monthSpent: 60 });
    const usage = async () => (await (await askAdmin(api, "GET", `/admin/keys/${id}`)).json()).usage;
    expect(await usage()).toMatchObject({
      active: 3,
      queued: 2,
      reserved: 500,
      spent: { day: 40, month: 60, total: 90 },
    });
    await api.redis.hset(account, { day: "2020-01-01", month: "2020-01" });
    expect(await usage()).toMatchObject({ spent: { day: 0, month: 0, total: 90 } });
  });
});

describe("PATCH /admin/keys/{id}", () => {
  test("changes what is named, limits and budgets one by one", async () => {
    const api = await startApi();
    const { key, ...made } = await makeKey(api, {
      limits: { requests_per_minute: 5, images_per_minute: 10 },
      budget: { day: 1, total: 9 },
      models: ["dall-e-2"],
      expires_at: 4_000_000_000,
    });
    const patch = async (body: unknown) => (await askAdmin(api, "PATCH", `/admin/keys/${made.id}`, body)).json();
    const changed = {
      ...made,
      name: "build",
      limits: { ...noLimits, requests_per_minute: 6, images_per_minute: 10 },
      budget: { ...noBudget, total: 9 },
    };
    expect(await patch({ name: "build", limits: { requests_per_minute: 6 }, budget: { day: null } })).toEqual(changed);
    expect(await patch({})).toEqual(changed);
    expect(await patch({ models: null, limits: null, budget: null, expires_at: null })).toEqual({
      ...changed,
      models: null,
      limits: noLimits,
      budget: noBudget,
      expires_at: null,
    });
    expect(await patch({ status: "disabled" })).toMatchObject({ status: "disabled" });
    expect(await works(api, key)).toBe(false);
    expect(await patch({ status: "active" })).toMatchObject({ status: "active" });
    expect(await works(api, key)).toBe(true);
  });
});

describe("POST /admin/keys/{id}/rotate", () => {
  test("gives a new secret; the old one works for a day, or as long as was asked", async () => {
    const api = await startApi();
    const { key: old, ...made } = await makeKey(api);
    const rotate = async (body?: unknown) => {
      const answer = await askAdmin(api, "POST", `/admin/keys/${made.id}/rotate`, body);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      return createdApiKeySchema.strict().parse(await answer.json());
    };
    const first = await rotate();
    expect(first).toEqual({
      ...made,
      prefix: first.key.slice(0, 18),
      previous_key_expires_at: expect.closeTo(Date.now() / 1_000 + 86_400, -2),
      key: first.key,
    });
    expect([await works(api, old), await works(api, first.key)]).toEqual([true, true]);

    const second = await rotate({ grace_seconds: 0 });
    expect(second.previous_key_expires_at).toBeNull();
    expect([await works(api, old), await works(api, first.key)]).toEqual([false, false]);
    expect(await works(api, second.key)).toBe(true);
  });
});

describe("DELETE /admin/keys/{id}", () => {
  test("ends the key and frees its name; asked twice, it answers the same", async () => {
    const api = await startApi();
    const { id, key } = await makeKey(api);
    const remove = async () => {
      const answer = await askAdmin(api, "DELETE", `/admin/keys/${id}`);
      return [answer.status, await answer.json()];
    };
    const gone = [200, { id, object: "api_key", deleted: true }];
    expect([await remove(), await remove()]).toEqual([gone, gone]);
    expect(await works(api, key)).toBe(false);
    expect((await askAdmin(api, "GET", `/admin/keys/${id}`)).status).toBe(404);
    expect((await makeKey(api)).id).not.toBe(id);
  });

  test("leaves to the tenant what the key had asked for", async () => {
    const api = await startApi();
    const { id, key } = await makeKey(api, { tenant: "fresh" });
    const other = await makeKey(api, { tenant: "fresh", name: "other" });
    await api.work(drawing(api.store, Buffer.from("png")));
    const asked = await api.generate(request, { headers: { authorization: `Bearer ${key}` } });
    expect(asked.status).toBe(200);
    await askAdmin(api, "DELETE", `/admin/keys/${id}`);
    const path = `/v1/generations/${asked.headers.get("x-generation-id")}`;
    expect((await api.call(path, { key: other.key })).status).toBe(200);
  });
});

test("there is no /admin where no admin key is configured", async () => {
  const api = await startApi({ withoutAdmin: true });
  for (const [method, path] of [
    ["GET", "/admin/keys"],
    ["POST", "/admin/keys"],
    ["DELETE", "/admin/keys/key_1"],
  ] as const) {
    expect((await api.call(path, { key: adminKey, method })).status).toBe(404);
  }
  expect((await api.call("/v1/models", { key: adminKey })).status).toBe(401);
});
