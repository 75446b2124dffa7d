import { ApiError, noBudget, noLimits } from "@darkroom/contracts";
import { redisTime } from "@darkroom/redis";
import { startRedis, startTcpProxy, testRedisUrl, startStopwatch } from "@darkroom/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { hashApiKey, newApiKey } from "../api-key.ts";
import { createAccounts } from "../create-accounts.ts";
import type { Keyring, KeyringOptions } from "./keyring.ts";
import { openKeyStore } from "./redis.fixture.ts";

const key = newApiKey();
const hash = hashApiKey(key);
const adminKey = newApiKey();
const staticKeys = [
  { tenant: "other", name: "old", hash: hashApiKey(newApiKey()) },
  { tenant: "acme", name: "ci", hash },
];
const silent = { info: () => {}, warn: () => {} };
const never = 3_600_000;

type Opened = Awaited<ReturnType<typeof openKeyStore>>;

/** A keyring beside others, as each api process has one. It looks for changes when the test says so. */
async function openKeyring({ prefix, another }: Opened, more: Partial<KeyringOptions> = {}): Promise<Keyring> {
  const redis = await another();
  const accounts = createAccounts({ redis, prefix });
  const keyring = await accounts.openKeyring({ staticKeys, log: silent, everyMs: never, ...more });
  onTestFinished(() => keyring.close());
  return keyring;
}

async function made({ store }: Opened, more: { name?: string; expiresAtMs?: number } = {}) {
  const bare = { tenant: "acme", name: "laptop", models: null, limits: noLimits, budget: noBudget, expiresAtMs: null };
  const issued = await store.create({ ...bare, ...more });
  if (issued === "taken") throw new Error("The name is taken");
  return { ...issued, id: issued.record.keyId };
}

const opens = (keyring: Keyring, secret: string): boolean => {
  try {
    keyring.authenticate(`Bearer ${secret}`);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === "invalid_api_key") return false;
    throw error;
  }
};

describe("a listed key", () => {
  test.each([`Bearer ${key}`, `bearer ${key}`, `BEARER   ${key}`, ` Bearer ${key} `])(
    "is known in %#",
    async (header) => {
      const keyring = await openKeyring(await openKeyStore(), { everyMs: never });
      const account = { tenant: "acme", name: "ci", keyId: `key_${hash.slice(0, 12)}` };
      const free = { models: null, limits: noLimits, budget: noBudget, keepAlive: false };
      expect(keyring.authenticate(header)).toEqual({ ...account, ...free });
    },
  );
});

describe("401 invalid_api_key", () => {
  test.each([
    ["no header", undefined, "You didn't provide an API key."],
    ["an empty header", "", "You didn't provide an API key."],
    ["a key without Bearer", key, "The Authorization header is malformed."],
    ["another scheme", `Basic ${key}`, "The Authorization header is malformed."],
    ["Bearer without a key", "Bearer ", "The Authorization header is malformed."],
    ["Bearer run into the key", `Bearer${key}`, "The Authorization header is malformed."],
    ["two keys", `Bearer ${key} ${key}`, "The Authorization header is malformed."],
    ["two headers that were joined", `Bearer ${key}, Bearer ${key}`, "The Authorization header is malformed."],
    ["two keys joined by a comma", `Bearer ${key},${key}`, "The Authorization header is malformed."],
    ["a key of 257 characters", `Bearer ${"k".repeat(257)}`, "The API key is too long"],
    ["a header of a megabyte", `Bearer ${"k".repeat(2 ** 20)}`, "The API key is too long"],
    ["an unknown key of 256 characters", `Bearer ${"k".repeat(256)}`, "Incorrect API key provided."],
    ["a key with one character more", `Bearer ${key}x`, "Incorrect API key provided."],
    ["a key in other case", `Bearer ${key.toUpperCase()}`, "Incorrect API key provided."],
    ["the hash of a key", `Bearer ${hash}`, "Incorrect API key provided."],
    ["the name of an object's property", "Bearer __proto__", "Incorrect API key provided."],
  ])("%s", async (_case, header, sentence) => {
    const keyring = await openKeyring(await openKeyStore());
    const refused = () => keyring.authenticate(header);
    expect(refused).toThrow(ApiError);
    expect(refused).toThrow(expect.objectContaining({ code: "invalid_api_key", status: 401, param: null }));
    expect(refused).toThrow(sentence);
  });

  test("never shows the key", async () => {
    const keyring = await openKeyring(await openKeyStore());
    const unknown = newApiKey();
    for (const header of [`Bearer ${unknown}`, unknown, `Bearer ${unknown} x`, `Bearer ${unknown.repeat(9)}`]) {
      expect(() => keyring.authenticate(header)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining(unknown.slice(12)) }),
      );
    }
  });
});

describe("a key in Redis", () => {
  test("opens its account in every process within two seconds of being made", async () => {
    const opened = await openKeyStore();
    const [one, two] = await Promise.all([openKeyring(opened, { everyMs: 1_000 }), openKeyring(opened)]);
    const { key: secret, id } = await made(opened);
    const sinceMs = startStopwatch();
    await two.refresh();
    expect(two.authenticate(`Bearer ${secret}`)).toEqual({
      tenant: "acme",
      keyId: id,
      name: "laptop",
      models: null,
      limits: noLimits,
      budget: noBudget,
      keepAlive: false,
    });
    await expect.poll(() => opens(one, secret), { interval: 20 }).toBe(true);
    expect(sinceMs()).toBeLessThan(2_000);
  });

  test("is known to a process that starts later", async () => {
    const opened = await openKeyStore();
    const { key: secret } = await made(opened);
    expect(opens(await openKeyring(opened), secret)).toBe(true);
  });

  test("has its new settings after a change, and its old name no more", async () => {
    const opened = await openKeyStore();
    const { key: secret, id } = await made(opened);
    const keyring = await openKeyring(opened);
    await opened.store.update(id, { name: "build", models: ["dall-e-2"], budget: { day: 7 } });
    await keyring.refresh();
    const changed = { name: "build", models: ["dall-e-2"], budget: { ...noBudget, day: 7 } };
    expect(keyring.authenticate(`Bearer ${secret}`)).toMatchObject(changed);
    expect(keyring.find(id)).toMatchObject(changed);
  });

  test("opens nothing while it is disabled, and is not found", async () => {
    const opened = await openKeyStore();
    const { key: secret, id } = await made(opened);
    const keyring = await openKeyring(opened);
    await opened.store.update(id, { status: "disabled" });
    await keyring.refresh();
    expect(opens(keyring, secret)).toBe(false);
    expect(keyring.find(id)).toBeUndefined();
    await opened.store.update(id, { status: "active" });
    await keyring.refresh();
    expect(opens(keyring, secret)).toBe(true);
  });

  test("opens nothing after its deletion, for a process that starts later, too", async () => {
    const opened = await openKeyStore();
    const { key: secret, id } = await made(opened);
    const keyring = await openKeyring(opened);
    await opened.store.remove(id);
    await keyring.refresh();
    for (const ring of [keyring, await openKeyring(opened)]) {
      expect(opens(ring, secret)).toBe(false);
      expect(ring.find(id)).toBeUndefined();
    }
  });

  test("opens until the second it expires, without a look at Redis", async () => {
    const opened = await openKeyStore();
    const expiresAtMs = (await redisTime(opened.redis)) + 3_600_000;
    const { key: secret, id } = await made(opened, { expiresAtMs });
    let elapsedMs = 7;
    const keyring = await openKeyring(opened, { elapsedMs: () => elapsedMs });
    const leftMs = expiresAtMs - keyring.nowMs();
    elapsedMs += leftMs - 1;
    expect([opens(keyring, secret), keyring.find(id)?.name]).toEqual([true, "laptop"]);
    elapsedMs += 1;
    expect([opens(keyring, secret), keyring.find(id)?.name]).toEqual([false, undefined]);
  });

  test("expires by the clock of Redis: the process's own may be wrong, or jump", async () => {
    const opened = await openKeyStore();
    const { key: secret } = await made(opened, { expiresAtMs: (await redisTime(opened.redis)) + 60_000 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2100, 0, 1) });
    onTestFinished(() => void vi.useRealTimers());
    const keyring = await openKeyring(opened);
    expect(opens(keyring, secret)).toBe(true);
    vi.setSystemTime(Date.UTC(2000, 0, 1));
    expect(opens(keyring, secret)).toBe(true);
    expect(keyring.nowMs()).toBeCloseTo(await redisTime(opened.redis), -4);
  });

  test("opens with the secret from before a rotation for the grace time, as the same key", async () => {
    const opened = await openKeyStore();
    const { key: old, id } = await made(opened);
    let elapsedMs = 0;
    const keyring = await openKeyring(opened, { elapsedMs: () => elapsedMs });
    const rotated = await opened.store.rotate(id, 60_000);
    if (rotated === "gone") throw new Error("It is gone");
    await keyring.refresh();
    for (const secret of [old, rotated.key]) expect(keyring.authenticate(`Bearer ${secret}`).keyId).toBe(id);
    elapsedMs += 61_000;
    expect([opens(keyring, old), opens(keyring, rotated.key)]).toEqual([false, true]);
  });

  test("does not open with the secret from before where the rotation gave no grace, nor with one from before that", async () => {
    const opened = await openKeyStore();
    const { key: first, id } = await made(opened);
    const keyring = await openKeyring(opened);
    const [second, third] = [await opened.store.rotate(id, 60_000), await opened.store.rotate(id, 60_000)];
    if (second === "gone" || third === "gone") throw new Error("It is gone");
    await keyring.refresh();
    expect([first, second.key, third.key].map((secret) => opens(keyring, secret))).toEqual([false, true, true]);
    await opened.store.rotate(id, 0);
    await keyring.refresh();
    expect([second.key, third.key].map((secret) => opens(keyring, secret))).toEqual([false, false]);
  });

  test("is refused in the words for an unknown one, whatever is wrong with it", async () => {
    const opened = await openKeyStore();
    const expired = await made(opened, { name: "expired", expiresAtMs: 1 });
    const disabled = await made(opened, { name: "disabled" });
    const deleted = await made(opened, { name: "deleted" });
    await opened.store.update(disabled.id, { status: "disabled" });
    await opened.store.remove(deleted.id);
    const keyring = await openKeyring(opened);
    const sentences = [newApiKey(), expired.key, disabled.key, deleted.key].map((secret) => {
      try {
        return keyring.authenticate(`Bearer ${secret}`).keyId;
      } catch (error) {
        return String(error);
      }
    });
    expect(new Set(sentences).size).toBe(1);
    expect(sentences[0]).toContain("Incorrect API key provided.");
  });
});

test("a key that this release cannot read is refused alone, and told in the log", async () => {
  const opened = await openKeyStore();
  const [odd, right] = [await made(opened, { name: "odd" }), await made(opened, { name: "right" })];
  const warnings: unknown[] = [];
  const log = { info: () => {}, warn: (fields: object) => void warnings.push(fields) };
  const keyring = await openKeyring(opened, { log });
  await opened.store.update(odd.id, { models: ["m"] });
  await opened.redis.hset(opened.names.key(odd.id), "models", "{}");
  await opened.store.update(right.id, { name: "renamed" });
  await keyring.refresh();
  expect(opens(keyring, odd.key)).toBe(false);
  expect(keyring.authenticate(`Bearer ${right.key}`)).toMatchObject({ name: "renamed" });
  expect(warnings).toEqual([expect.objectContaining({ keyId: odd.id })]);
});

test("a key whose record is of another type does not keep a process from its start, or from changes of other keys", async () => {
  const opened = await openKeyStore();
  const [odd, right] = [await made(opened, { name: "odd" }), await made(opened, { name: "right" })];
  await opened.redis.del(opened.names.key(odd.id));
  await opened.redis.set(opened.names.key(odd.id), "x");
  const keyring = await openKeyring(opened);
  expect(opens(keyring, odd.key)).toBe(false);
  await opened.store.update(right.id, { status: "disabled" });
  await keyring.refresh();
  expect(opens(keyring, right.key)).toBe(false);
});

describe("the admin key", () => {
  test("is told from all others, and opens no account", async () => {
    const keyring = await openKeyring(await openKeyStore(), { adminKeyHash: hashApiKey(adminKey) });
    expect(keyring.hasAdminKey).toBe(true);
    expect(keyring.isAdmin(`Bearer ${adminKey}`)).toBe(true);
    expect(keyring.isAdmin(`Bearer ${key}`)).toBe(false);
    expect(() => keyring.authenticate(`Bearer ${adminKey}`)).toThrow(
      expect.objectContaining({ code: "permission_denied", message: expect.not.stringContaining(adminKey.slice(12)) }),
    );
  });

  test("is no key where none is configured", async () => {
    const keyring = await openKeyring(await openKeyStore());
    expect(keyring.hasAdminKey).toBe(false);
    expect(keyring.isAdmin(`Bearer ${adminKey}`)).toBe(false);
    expect(opens(keyring, adminKey)).toBe(false);
  });
});

describe("Redis", () => {
  test("away leaves in force what is known, is warned about once, and followed again when it is back", async () => {
    const line = await startTcpProxy(testRedisUrl());
    onTestFinished(() => line.close());
    const opened = await openKeyStore();
    const behind = await openKeyStore(line.url);
    const { key: secret } = await made(opened);
    const said: string[] = [];
    const note = (_fields: object, sentence: string) => void said.push(sentence);
    const keyring = await openKeyring({ ...opened, another: behind.another }, { log: { info: note, warn: note } });
    line.cut();
    await keyring.refresh();
    await keyring.refresh();
    expect(opens(keyring, secret)).toBe(true);
    const late = await made(opened, { name: "late" });
    line.restore();
    await expect
      .poll(async () => {
        await keyring.refresh();
        return opens(keyring, late.key);
      })
      .toBe(true);
    expect(said).toEqual([
      "Changes of API keys cannot be read; the keys that are known stay in force",
      "Changes of API keys are followed again",
    ]);
  });

  test("that refuses is asked less and less often, and at once when it is back", async () => {
    const opened = await openKeyStore();
    const redis = await opened.another();
    const keyring = await openKeyring({ ...opened, another: async () => redis }, { everyMs: 10 });
    const ask = vi.spyOn(redis, "time").mockRejectedValue(new Error("OOM"));
    const since = Date.now();
    // The polls are at most 10, 20, 40, … 640 ms apart. Every 10 ms they would be a hundred.
    await expect.poll(() => Date.now() - since, { interval: 50 }).toBeGreaterThan(1_000);
    expect(ask.mock.calls.length).toBeLessThan(15);
    const asked = ask.mock.calls.length;
    ask.mockRestore();
    const { key: secret } = await made(opened);
    const sinceMs = startStopwatch();
    redis.emit("ready");
    await expect.poll(() => opens(keyring, secret), { interval: 10 }).toBe(true);
    expect(sinceMs()).toBeLessThan(300);
    expect(asked).toBeGreaterThan(3);
  });

  test("without its data leaves the listed keys alone, and new ones are heard of", async () => {
    const opened = await openKeyStore();
    const lost = [await made(opened, { name: "a" }), await made(opened, { name: "b" })];
    const keyring = await openKeyring(opened);
    await opened.removeAll();
    const fresh = await made(opened, { name: "c" });
    await keyring.refresh();
    expect([...lost, fresh].map(({ key: secret }) => opens(keyring, secret))).toEqual([false, false, true]);
    expect(opens(keyring, key)).toBe(true);
  });

  test("that comes back older is read again, though as many changes were made since", async () => {
    const own = await startRedis({ persist: false });
    onTestFinished(own.stop);
    const opened = await openKeyStore(own.url);
    const lost = await made(opened, { name: "a" });
    const keyring = await openKeyring(opened);
    await own.restart();
    await expect.poll(async () => opened.redis.ping().catch(() => "away")).toBe("PONG");
    const fresh = await made(opened, { name: "b" });
    await expect
      .poll(async () => {
        await keyring.refresh();
        return [opens(keyring, lost.key), opens(keyring, fresh.key)];
      })
      .toEqual([false, true]);
  });
});
