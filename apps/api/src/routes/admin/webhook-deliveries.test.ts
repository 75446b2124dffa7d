import { expect, test } from "vitest";
import { otherApiKey, startApi, type TestApi } from "../../api.fixture.ts";
import { request } from "../../generation.fixture.ts";
import { askAdmin } from "./admin.fixture.ts";

const url = "https://user:pass@hooks.example.com/in?token=secret";

/** A delivery of a tenant, in a state. */
async function deliver(api: TestApi, tenant: string, id: string, status: "dead" | "delivered") {
  const delivery = { id, tenant, keyId: "key_1", generationId: `gen_${id}`, ending: "failed", url } as const;
  await api.queue.webhooks.create(id, { ...delivery, createdAtMs: Date.now() });
  await api.redis.hset(api.keys.delivery(id), "status", status);
}

/** An api with endings of two tenants, and deliveries of each. */
async function withDeliveries() {
  const api = await startApi();
  await api.work(async () => ({ kind: "failed", error: { code: "upstream_error", message: "It broke." } }));
  await api.post(request);
  await api.post(request, { headers: { authorization: `Bearer ${otherApiKey}` } });
  await deliver(api, "acme", "whd_1", "dead");
  await deliver(api, "acme", "whd_2", "delivered");
  await deliver(api, "other", "whd_3", "dead");
  const list = async (query = "") => (await askAdmin(api, "GET", `/admin/webhooks/deliveries${query}`)).json();
  return { api, list };
}

test("the dead deliveries of all tenants are shown, page by page, without the secrets in their addresses", async () => {
  const { list } = await withDeliveries();
  const first = await list("?limit=1");
  expect(first.data).toMatchObject([
    { id: "whd_1", tenant: "acme", key_id: "key_1", status: "dead", url: "https://hooks.example.com/in" },
  ]);
  expect(JSON.stringify(first)).not.toMatch(/secret|pass/);
  const second = await list(`?limit=1&after=${first.next}`);
  expect([second.data.map(({ id }: { id: string }) => id), second.next]).toEqual([["whd_3"], null]);
});

test("those of one tenant, or of another state, are shown where that is asked for", async () => {
  const { list } = await withDeliveries();
  const ids = async (query: string) => (await list(query)).data.map(({ id }: { id: string }) => id);
  expect(await ids("?tenant=other")).toEqual(["whd_3"]);
  expect(await ids("?status=delivered")).toEqual(["whd_2"]);
});

test.each([
  ["ending", "unheard of"],
  ["url", "hooks.example.com/in"],
])("one whose %s is damaged is named, and hides no other", async (field, value) => {
  const { api, list } = await withDeliveries();
  await api.redis.hset(api.keys.delivery("whd_1"), field, value);
  expect(await list()).toMatchObject({ data: [{ id: "whd_3" }], unreadable: ["whd_1"] });
});

test("one that was given up is sent again, without the secrets in its address; one that is being sent, or is not there, is not", async () => {
  const { api, list } = await withDeliveries();
  const replay = (id: string) => askAdmin(api, "POST", `/admin/webhooks/deliveries/${id}/replay`);
  const answer = await replay("whd_3");
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({
    id: "whd_3",
    tenant: "other",
    status: "pending",
    url: "https://hooks.example.com/in",
  });
  expect((await list("?status=pending")).data).toMatchObject([{ id: "whd_3" }]);
  expect([(await replay("whd_3")).status, (await replay("whd_9")).status]).toEqual([409, 404]);
});

test("400 for a state or a place that is none", async () => {
  const { api } = await withDeliveries();
  for (const query of ["status=lost", "after=acme", "after=acme/whd_9"]) {
    expect((await askAdmin(api, "GET", `/admin/webhooks/deliveries?${query}`)).status).toBe(400);
  }
});
