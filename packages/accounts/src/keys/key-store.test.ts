import { noBudget, noLimits } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { hashApiKey } from "../api-key.ts";
import { everythingUnder, openKeyStore } from "./redis.fixture.ts";
import { webhookSecretVersions } from "./webhook-secret-versions.ts";

const bare = { tenant: "acme", name: "ci", models: null, limits: noLimits, budget: noBudget, expiresAtMs: null };

const made = async (store: Awaited<ReturnType<typeof openKeyStore>>["store"], more: Partial<typeof bare> = {}) => {
  const issued = await store.create({ ...bare, ...more });
  if (issued === "taken") throw new Error("The name is taken");
  return issued;
};

describe("a key", () => {
  test("is made with what was set, and found by its id", async () => {
    const { store } = await openKeyStore();
    const settings = {
      models: ["dall-e-2"],
      limits: { ...noLimits, images_per_minute: 100 },
      budget: { day: 5_000_000, month: null, total: 0 },
      keepAlive: true,
      expiresAtMs: 2_000_000_000_000,
    };
    const issued = await store.create({ ...bare, ...settings });
    if (issued === "taken") throw new Error("The name is taken");
    expect(issued.record).toEqual({
      keyId: expect.stringMatching(/^key_[0-9a-f]{24}$/),
      tenant: "acme",
      name: "ci",
      prefix: issued.key.slice(0, 18),
      hash: hashApiKey(issued.key),
      status: "active",
      ...settings,
      createdAtMs: expect.closeTo(Date.now(), -5),
      previous: null,
    });
    expect(await store.read(issued.record.keyId)).toEqual(issued.record);
    expect(await store.update(issued.record.keyId, { keepAlive: false })).toEqual({
      ...issued.record,
      keepAlive: false,
    });
    expect(await store.read("key_0123")).toBeNull();
  });

  test("has a name that no other key of its tenant has", async () => {
    const { store } = await openKeyStore();
    const first = await made(store);
    expect(await store.create(bare)).toBe("taken");
    await made(store, { tenant: "other" });
    const second = await made(store, { name: "laptop" });
    expect(await store.update(second.record.keyId, { name: "ci" })).toBe("taken");
    expect(await store.update(first.record.keyId, { name: "build" })).toMatchObject({ name: "build" });
    expect(await store.update(second.record.keyId, { name: "ci" })).toMatchObject({ name: "ci" });
  });

  test("is changed field by field, by two at once, and loses what is set to null", async () => {
    const { store } = await openKeyStore();
    const { record } = await made(store, { limits: { ...noLimits, requests_per_minute: 5, queued_generations: 7 } });
    await Promise.all([
      store.update(record.keyId, { limits: { images_per_minute: 9, queued_generations: null }, models: ["dall-e-2"] }),
      store.update(record.keyId, { budget: { day: 1 }, status: "disabled", expiresAtMs: 2_000_000_000_000 }),
    ]);
    const changed = {
      ...record,
      limits: { ...noLimits, requests_per_minute: 5, images_per_minute: 9 },
      budget: { ...noBudget, day: 1 },
    };
    expect(await store.read(record.keyId)).toEqual({
      ...changed,
      models: ["dall-e-2"],
      status: "disabled",
      expiresAtMs: 2_000_000_000_000,
    });
    const cleared = await store.update(record.keyId, { models: null, expiresAtMs: null, status: "active" });
    expect(cleared).toEqual(changed);
    expect(await store.update("key_0123", { name: "x" })).toBe("gone");
  });

  test("keeps its id when it is rotated, and the hash from before for the grace time", async () => {
    const { store } = await openKeyStore();
    const { key, record } = await made(store);
    const rotated = await store.rotate(record.keyId, 60_000);
    if (rotated === "gone") throw new Error("It is gone");
    expect(rotated.key).not.toBe(key);
    expect(rotated.record).toEqual({
      ...record,
      prefix: rotated.key.slice(0, 18),
      hash: hashApiKey(rotated.key),
      previous: { hash: hashApiKey(key), untilMs: expect.closeTo(Date.now() + 60_000, -5) },
    });
    expect(await store.rotate(record.keyId, 0)).toMatchObject({ record: { previous: null } });
    expect(await store.rotate("key_0123", 0)).toBe("gone");
  });

  test("leaves its name and its place in the list behind when it is deleted, for 400 days, and nothing else", async () => {
    const { store, redis, names } = await openKeyStore();
    const { record } = await made(store);
    expect(await store.remove(record.keyId)).toBe(true);
    expect(await store.remove(record.keyId)).toBe(true);
    expect(await store.remove("key_0123")).toBe(false);
    expect(await store.read(record.keyId)).toBeNull();
    expect(await store.update(record.keyId, { status: "active" })).toBe("gone");
    expect(await store.rotate(record.keyId, 0)).toBe("gone");
    expect(await store.nameOf(record.keyId)).toEqual({ tenant: "acme", name: "ci" });
    expect(Object.keys(await redis.hgetall(names.key(record.keyId)))).toEqual([
      "tenant",
      "name",
      "createdAt",
      "deletedAt",
    ]);
    expect(await redis.ttl(names.key(record.keyId))).toBeGreaterThan(399 * 86_400);
    expect((await made(store)).record.keyId).not.toBe(record.keyId);
  });

  test("is among the changes for a day after its deletion", async () => {
    const { store, redis, names } = await openKeyStore();
    const [first, second] = [await made(store, { name: "a" }), await made(store, { name: "b" })];
    await store.remove(first.record.keyId);
    await redis.zadd(names.deleted, Date.now() - 86_460_000, first.record.keyId);
    await store.remove(second.record.keyId);
    expect(await redis.zrange(names.keys, "0", "-1")).toEqual([second.record.keyId]);
    expect(await redis.zrange(names.deleted, "0", "-1")).toEqual([second.record.keyId]);
  });

  test("is in Redis as its hash alone", async () => {
    const { store, prefix } = await openKeyStore();
    const { key, record } = await made(store);
    const rotated = await store.rotate(record.keyId, 60_000);
    if (rotated === "gone") throw new Error("It is gone");
    const everything = await everythingUnder(prefix);
    expect(everything).toContain(hashApiKey(key));
    for (const secret of [key, rotated.key]) expect(everything).not.toContain(secret.slice(18));
  });
});

test("a write that is sent twice, as after a lost answer, changes nothing the second time", async () => {
  const { store, redis, prefix, names } = await openKeyStore();
  for (const name of ["eval", "evalsha"] as const) {
    const send = redis[name];
    Reflect.set(redis, name, async (...args: unknown[]): Promise<unknown> => {
      await Reflect.apply(send, redis, args);
      return Reflect.apply(send, redis, args);
    });
  }
  const { record } = await made(store);
  await store.rotate(record.keyId, 60_000);
  const previous = (await store.read(record.keyId))?.previous;
  expect(previous?.hash).toBe(record.hash);
  await store.rotateWebhookSecret(record.keyId, 60_000);
  expect(await webhookSecretVersions(redis, names, record.keyId)).toEqual([2, 1]);
  expect(await store.remove(record.keyId)).toBe(true);
  expect(await everythingUnder(prefix)).not.toContain(record.hash);
});

describe("a list of keys", () => {
  test("is newest first, of all or of one tenant, in pages", async () => {
    const { store } = await openKeyStore();
    const ids: string[] = [];
    for (const [tenant, name] of [
      ["acme", "a"],
      ["acme", "b"],
      ["other", "a"],
      ["acme", "c"],
    ] as const) {
      ids.unshift((await made(store, { tenant, name })).record.keyId);
      // Two keys of one millisecond have no order in time.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const idsOf = (page: Awaited<ReturnType<typeof store.list>>) => page?.records.map(({ keyId }) => keyId);
    expect(idsOf(await store.list({ limit: 10 }))).toEqual(ids);
    const first = await store.list({ tenant: "acme", limit: 2 });
    expect(first).toMatchObject({ hasMore: true, records: [{ name: "c" }, { name: "b" }] });
    const rest = await store.list({ tenant: "acme", limit: 2, after: first?.records[1]?.keyId });
    expect(rest).toMatchObject({ hasMore: false, records: [{ name: "a", tenant: "acme" }] });
    expect(await store.list({ tenant: "other", limit: 2, after: ids[0] })).toBeNull();

    await store.remove(ids[2] ?? "");
    expect(idsOf(await store.list({ limit: 10, after: ids[2] }))).toEqual([ids[3]]);
    expect(idsOf(await store.list({ tenant: "acme", limit: 10, after: ids[2] }))).toEqual([ids[3]]);
    expect(await store.list({ tenant: "other", limit: 10, after: ids[2] })).toBeNull();
  });

  test("leaves out a key that this release cannot read", async () => {
    const { store, redis, names } = await openKeyStore();
    const [odd, right] = [await made(store, { name: "a" }), await made(store, { name: "b" })];
    await redis.hset(names.key(odd.record.keyId), "models", "{}");
    const page = await store.list({ limit: 10 });
    expect(page?.records.map(({ keyId }) => keyId)).toEqual([right.record.keyId]);
    expect(page?.unreadable.map(({ id }) => id)).toEqual([odd.record.keyId]);
  });
});

describe("the versions of a webhook secret", () => {
  test("are one, two while a rotation is young, then one", async () => {
    const { store, redis, names } = await openKeyStore();
    const { record } = await made(store);
    const versions = () => webhookSecretVersions(redis, names, record.keyId);
    expect(await versions()).toEqual([1]);
    expect(await store.rotateWebhookSecret(record.keyId, 60_000)).toBe(true);
    expect(await versions()).toEqual([2, 1]);
    await store.rotateWebhookSecret(record.keyId, 1);
    await expect.poll(versions).toEqual([3]);
    await store.rotateWebhookSecret(record.keyId, 0);
    expect(await versions()).toEqual([4]);
  });

  test("outlive the key: what it had under way is still to be told, in the words that its receiver believes", async () => {
    const { store, redis, names } = await openKeyStore();
    const { record } = await made(store);
    await store.rotateWebhookSecret(record.keyId, 60_000);
    await store.remove(record.keyId);
    expect(await webhookSecretVersions(redis, names, record.keyId)).toEqual([2, 1]);
  });

  test("are one for a key that is not in Redis", async () => {
    const { store, redis, names } = await openKeyStore();
    expect(await webhookSecretVersions(redis, names, "key_ba7816bf8f01")).toEqual([1]);
    expect(await store.rotateWebhookSecret("key_ba7816bf8f01", 0)).toBe(false);
  });
});
