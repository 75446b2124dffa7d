import { testRedisUrl } from "@darkroom/testing";
import { assert, asyncProperty, constantFrom, dictionary, nat, tuple, uniqueArray } from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { readScript } from "../define-script.ts";
import { connectWorker, untilConnected } from "../redis-connections.ts";

const script = `${readScript(new URL("../scripts/share-tasks.lua", import.meta.url))}
  local given = cjson.decode(ARGV[1])
  return cjson.encode(share_tasks(given.offers, given.holders))`;

type Shares = Record<string, string>;

let shareTasks: (offers: Record<string, readonly string[]>, holders: Shares) => Promise<Shares>;

beforeAll(async () => {
  const redis = connectWorker(testRedisUrl(), () => {});
  await untilConnected(redis, 5_000);
  shareTasks = async (offers, holders) => {
    const answer = await redis.eval(script, 0, JSON.stringify({ offers, holders }));
    return z.record(z.string(), z.string()).parse(JSON.parse(String(answer)));
  };
  return () => redis.disconnect();
});

const worker = constantFrom("v", "w", "x", "y", "z");
const kind = constantFrom("recovery", "removal", "ledger");
const task = tuple(kind, nat(5)).map(([name, part]) => `${name}:${part}`);
const offers = dictionary(worker, uniqueArray(task, { minLength: 1 }), { minKeys: 1 });
const holders = dictionary(task, worker);

/** How many tasks of a kind, or of all, each worker has. */
const countsOf = (shares: Shares, workers: readonly string[], of = "") =>
  workers.map((name) => Object.entries(shares).filter(([key, owner]) => owner === name && key.startsWith(of)).length);

const spread = (counts: readonly number[]) => Math.max(...counts) - Math.min(...counts);

test("every task goes to a worker that can do it, and stays there", async () => {
  await assert(
    asyncProperty(offers, holders, async (offered, held) => {
      const shares = await shareTasks(offered, held);
      expect(Object.keys(shares).toSorted()).toEqual([...new Set(Object.values(offered).flat())].toSorted());
      for (const [name, owner] of Object.entries(shares)) expect(offered[owner]).toContain(name);
      expect(await shareTasks(offered, shares)).toEqual(shares);
    }),
  );
});

test("workers that can do the same have as many tasks as each other, of each kind and of all", async () => {
  const able = tuple(uniqueArray(worker, { minLength: 1 }), uniqueArray(task, { minLength: 1 }));
  await assert(
    asyncProperty(able, holders, async ([workers, tasks], held) => {
      const shares = await shareTasks(Object.fromEntries(workers.map((name) => [name, tasks])), held);
      for (const of of ["", "recovery:", "removal:", "ledger:"]) {
        expect(spread(countsOf(shares, workers, of))).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test("a worker that joins takes its part, and nothing else moves", async () => {
  const tasks = Array.from({ length: 16 }, (_, i) => `removal:${i}`);
  const three = await shareTasks({ a: tasks, b: tasks, c: tasks }, {});
  const four = await shareTasks({ a: tasks, b: tasks, c: tasks, d: tasks }, three);
  expect(countsOf(four, ["a", "b", "c", "d"])).toEqual([4, 4, 4, 4]);
  expect(tasks.filter((name) => four[name] !== three[name]).map((name) => four[name])).toEqual(["d", "d", "d", "d"]);
});
