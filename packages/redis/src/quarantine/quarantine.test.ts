import { removeKeys, startRedis, testRedisUrl } from "@darkroom/testing";
import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { createKeys } from "../key-names.ts";
import { connectWorker, untilConnected } from "../redis-connections.ts";
import { createQuarantine, type QuarantineKind } from "./quarantine.ts";

const prompt = "a cat that nobody may read of";

async function openQuarantine({ url = testRedisUrl() } = {}) {
  const prefix = `quarantine-${randomBytes(6).toString("hex")}`;
  const redis = connectWorker(url, () => {});
  onTestFinished(async () => {
    if (url === testRedisUrl()) await removeKeys(redis, prefix);
    redis.disconnect();
  });
  await untilConnected(redis, 5_000);
  const log = { error: vi.fn<(fields: object, sentence: string) => void>(), warn: vi.fn<() => void>() };
  const counted: QuarantineKind[] = [];
  const quarantine = createQuarantine({
    redis,
    keys: createKeys(prefix),
    log,
    onSetAside: (kind) => void counted.push(kind),
  });
  const list = `${prefix}:retained`;
  const aside = { kind: "removal", id: "gen_1", error: new Error("It is damaged."), waits: { lists: [list] } } as const;
  return { prefix, redis, log, counted, quarantine, list, aside };
}

test("something that is set aside waits on its list, and is logged and counted once", async () => {
  const { redis, log, counted, quarantine, list, aside } = await openQuarantine();
  await redis.zadd(list, 1, "gen_1", 2, "gen_2");
  await quarantine.setAside({ ...aside, fields: { status: "succeeded", tenant: "acme" } });
  const [next] = await quarantine.list({ limit: 10 });
  await quarantine.setAside(aside);
  expect(await redis.zrange(list, "0", "0")).toEqual(["gen_2"]);
  expect(Number(await redis.zscore(list, "gen_1"))).toBeGreaterThan((next?.seenMs ?? 0) + 500_000);
  expect(counted).toEqual(["removal"]);
  expect(log.error).toHaveBeenCalledOnce();
  expect(next).toMatchObject({
    kind: "removal",
    subject: "gen_1",
    reason: "It is damaged.",
    fields: { status: "succeeded", tenant: "acme" },
    droppable: false,
  });
  expect(next?.seenMs).toBe(next?.sinceMs);
});

test("what has left its list meanwhile is not put on it again", async () => {
  const { redis, quarantine, list, aside } = await openQuarantine();
  await quarantine.setAside(aside);
  expect(await redis.exists(list)).toBe(0);
});

test("no prompt is noted, whichever field and whichever error has it", async () => {
  const { redis, log, quarantine, aside, prefix } = await openQuarantine();
  const errors = [
    (() => {
      try {
        return JSON.parse(`{"prompt": ${prompt}`) as unknown;
      } catch (cause) {
        return new Error("The record of gen_1 cannot be read.", { cause });
      }
    })(),
    z.object({ request: z.literal("x") }).safeParse({ request: prompt }).error,
  ];
  const fields = {
    id: "gen_1",
    model: prompt.repeat(9),
    request: prompt,
    field_of_tomorrow: prompt,
    0: Buffer.from(prompt),
  };
  for (const [i, error] of errors.entries()) await quarantine.setAside({ ...aside, id: `gen_${i}`, error, fields });
  const listed = await quarantine.list({ limit: 10 });
  expect(listed.map(({ reason }) => reason).toSorted()).toEqual([
    "It does not have the expected form (request: invalid_value).",
    "The record of gen_1 cannot be read. It is not JSON.",
  ]);
  expect(listed[0]?.fields).toEqual({
    id: "gen_1",
    model: `(${prompt.length * 9} bytes)`,
    request: `(${prompt.length} bytes)`,
    field_of_tomorrow: `(${prompt.length} bytes)`,
  });
  const everything = JSON.stringify([await redis.hgetall(`${prefix}:quarantine`), log.error.mock.calls]);
  expect(everything).not.toContain("cat");
});

test("a retry has it due at once, and counted again where it fails again", async () => {
  const { redis, counted, quarantine, list, aside } = await openQuarantine();
  await redis.zadd(list, 1, "gen_1");
  await quarantine.setAside(aside);
  const [entry] = await quarantine.list({ limit: 1 });
  expect(await quarantine.retry(entry?.id ?? "")).toBe("retried");
  expect(Number(await redis.zscore(list, "gen_1"))).toBeLessThanOrEqual(Date.now());
  expect(await quarantine.list({ limit: 1 })).toEqual([]);
  expect(await quarantine.retry(entry?.id ?? "")).toBe("gone");
  await quarantine.setAside(aside);
  expect(counted).toHaveLength(2);
});

test("a drop takes it off its list with what is left of it, but nothing that is alive", async () => {
  const { redis, quarantine, list, aside, prefix } = await openQuarantine();
  await redis.zadd(list, 1, "gen_1", 1, "gen_2");
  await redis.set(`${prefix}:forgotten:gen_1`, "x");
  await quarantine.setAside({ ...aside, drops: [`${prefix}:forgotten:gen_1`] });
  await quarantine.setAside({ ...aside, kind: "attempt", id: "gen_2" });
  const [alive, dead] = (await quarantine.list({ limit: 10 })).toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
  expect(await quarantine.drop(dead?.id ?? "")).toBe("dropped");
  expect(await quarantine.drop(alive?.id ?? "")).toBe("alive");
  expect(await quarantine.drop("qua_unknown")).toBe("gone");
  expect(await redis.zrange(list, "0", "-1")).toEqual(["gen_2"]);
  expect(await redis.exists(`${prefix}:forgotten:gen_1`)).toBe(0);
  expect(await quarantine.list({ limit: 10 })).toEqual([alive]);
});

test("what has been dealt with is taken out, and no other", async () => {
  const { quarantine, aside } = await openQuarantine();
  for (const id of ["gen_1", "gen_2"]) await quarantine.setAside({ ...aside, id });
  await quarantine.release("removal", ["gen_1", "gen_3"]);
  expect((await quarantine.list({ limit: 10 })).map(({ subject }) => subject)).toEqual(["gen_2"]);
});

test("it holds the latest thousand, and those of a kind are found among them", async () => {
  const { redis, quarantine, aside, prefix } = await openQuarantine();
  await quarantine.setAside({ ...aside, kind: "ledger", id: "crowded out" });
  await quarantine.setAside({ ...aside, kind: "ledger", id: "2026-11-30" });
  for (let i = 0; i < 999; i += 100) {
    await Promise.all(
      Array.from({ length: Math.min(100, 999 - i) }, (_, j) => quarantine.setAside({ ...aside, id: `gen_${i + j}` })),
    );
  }
  expect([await redis.hlen(`${prefix}:quarantine`), await redis.zcard(`${prefix}:quarantine-seen`)]).toEqual([
    1_000, 1_000,
  ]);
  expect((await quarantine.list({ kind: "ledger", limit: 5 })).map(({ subject }) => subject)).toEqual(["2026-11-30"]);
});

test("what no loop came upon for a day is forgotten", async () => {
  const { redis, quarantine, aside, prefix } = await openQuarantine();
  await quarantine.setAside(aside);
  const [id = ""] = await redis.zrange(`${prefix}:quarantine-seen`, "0", "0");
  await redis.zincrby(`${prefix}:quarantine-seen`, -86_400_001, id);
  await quarantine.setAside({ ...aside, id: "gen_2" });
  expect((await quarantine.list({ limit: 10 })).map(({ subject }) => subject)).toEqual(["gen_2"]);
});

test("a Redis at its memory limit takes it, so that the loop makes room behind it", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const { redis, quarantine, list, aside, log } = await openQuarantine({ url: server.url });
  await redis.zadd(list, 1, "gen_1");
  await redis.config("SET", "maxmemory", 1);
  await quarantine.setAside(aside);
  await redis.config("SET", "maxmemory", 0);
  expect(log.warn).not.toHaveBeenCalled();
  expect(Number(await redis.zscore(list, "gen_1"))).toBeGreaterThan(Date.now());
});
