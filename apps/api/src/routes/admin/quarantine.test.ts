import { createQuarantine } from "@darkroom/redis";
import { expect, test } from "vitest";
import { startApi } from "../../api.fixture.ts";
import { askAdmin, makeKey } from "./admin.fixture.ts";

const log = { error() {}, warn() {} };
const prompt = "a cat that nobody may read of";

/** An api, and two things that a worker has set aside: one that is over, and one that is alive. */
async function withSetAside() {
  const api = await startApi();
  const { redis, keys } = api;
  const quarantine = createQuarantine({ redis, keys, log });
  const fields = { tenant: "acme", status: "failed", request: prompt };
  await redis.zadd(keys.retained, 1, "gen_1");
  const waits = { lists: [keys.retained] };
  const error = new Error("It is damaged.");
  await quarantine.setAside({ kind: "removal", id: "gen_1", error, fields, waits, drops: [keys.forgotten("gen_1")] });
  await quarantine.setAside({ kind: "attempt", id: "gen_2", error, fields });
  const list = async (query = "") => (await askAdmin(api, "GET", `/admin/quarantine${query}`)).json();
  const { data } = await list("?kind=removal");
  const [alive] = (await list("?kind=attempt")).data;
  return { api, list, entry: data[0], alive };
}

test("the admin is shown what was set aside, and no prompt of it", async () => {
  const { list, entry } = await withSetAside();
  expect(entry).toEqual({
    object: "quarantine_entry",
    id: expect.stringMatching(/^qua_[0-9a-f]{20}$/),
    kind: "removal",
    subject: "gen_1",
    reason: "It is damaged.",
    fields: { tenant: "acme", status: "failed", request: `(${prompt.length} bytes)` },
    droppable: true,
    since: expect.any(Number),
    last_seen: expect.any(Number),
  });
  expect((await list()).data).toHaveLength(2);
  expect(await list("?limit=1")).toMatchObject({ object: "list", has_more: true });
});

test("a retry has it due at once, and takes it off the list", async () => {
  const { api, list, entry } = await withSetAside();
  const answer = await askAdmin(api, "POST", `/admin/quarantine/${entry.id}/retry`);
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { id: entry.id, object: "quarantine_entry", retried: true },
  ]);
  expect(Number(await api.redis.zscore(api.keys.retained, "gen_1"))).toBeLessThanOrEqual(Date.now());
  expect((await list("?kind=removal")).data).toEqual([]);
  expect((await askAdmin(api, "POST", `/admin/quarantine/${entry.id}/retry`)).status).toBe(404);
});

test("what is over is dropped, and what is alive is not: 409", async () => {
  const { api, list, entry, alive } = await withSetAside();
  expect((await askAdmin(api, "DELETE", `/admin/quarantine/${entry.id}`)).status).toBe(200);
  expect(await api.redis.exists(api.keys.retained)).toBe(0);
  expect((await askAdmin(api, "DELETE", `/admin/quarantine/${alive.id}`)).status).toBe(409);
  expect((await askAdmin(api, "DELETE", "/admin/quarantine/qua_unknown")).status).toBe(404);
  expect((await list()).data).toEqual([alive]);
});

test("is 400 for a limit that is none, and 403 for an API key", async () => {
  const { api } = await withSetAside();
  expect((await askAdmin(api, "GET", "/admin/quarantine?limit=0")).status).toBe(400);
  const { key } = await makeKey(api);
  expect((await api.call("/admin/quarantine", { key })).status).toBe(403);
});
