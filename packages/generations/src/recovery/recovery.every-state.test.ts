import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { Worker } from "bullmq";
import { expect, onTestFinished, test } from "vitest";
import { delivery, free, openQueue, type TestQueue } from "../queue.fixture.ts";
import type { Work } from "../attempts/outcome.ts";

const lane = "sandbox.interactive";
const done = { kind: "succeeded", delivery } as const;
const busy = { kind: "retry", error: { code: "upstream_error", message: "Busy." }, retryAfterMs: 200 } as const;

type Victim = { queue: TestQueue; id: string };

/** How a generation comes to a state, and how it goes on from there when something was taken away. */
const states: Record<string, (victim: Victim) => Promise<() => void | Promise<void>>> = {
  async "queued, before any worker has come"({ queue }) {
    return () => void queue.worker(async () => done);
  },

  async "queued, between two attempts"({ queue, id }) {
    queue.worker(async ({ record }) => (record.failures === 0 ? busy : done));
    await expect
      .poll(() => queue.generations.read(id), { interval: 5 })
      .toMatchObject({ status: "queued", failures: 1 });
    return () => {};
  },

  async "running, and its worker lives"({ queue, id }) {
    const released = Promise.withResolvers<void>();
    const work: Work = async ({ signal }) => {
      await Promise.race([released.promise, once(signal, "abort")]);
      signal.throwIfAborted();
      return done;
    };
    queue.worker(work);
    await expect.poll(() => queue.generations.read(id), { interval: 5 }).toMatchObject({ status: "running" });
    // Longer than it takes to renew a lock.
    return () => void sleep(1_000).then(() => released.resolve());
  },

  async "running, and its worker has died"({ queue, id }) {
    const redis = connectWorker(testRedisUrl(), () => {});
    onTestFinished(() => redis.disconnect());
    const dead = new Worker(lane, undefined, {
      connection: redis,
      prefix: queue.keys.lanes,
      lockDuration: 1_000,
    });
    const job = await dead.getNextJob("a lock that is not renewed");
    expect(job?.id).toBe(id);
    await queue.attempts.start(id, lane);
    await dead.close();
    return () => void queue.worker(async () => done);
  },
};

/** A generation with its job, and another that has nothing to do with it. */
async function openVictim(): Promise<Victim> {
  const queue = await openQueue();
  const admission = { ...free, worstCaseMicros: 500 };
  const [victim, bystander] = [{ tenant: "acme" }, { tenant: "other", keyId: "key_other" }].map((whose) =>
    queue.submission({ admission, ...whose }),
  );
  if (victim === undefined || bystander === undefined) throw new Error("There are two of them");
  await queue.submit({ ...victim, expiresInMs: 60_000 });
  await queue.submit(bystander);
  return { queue, id: victim.id };
}

/** What is kept beside the records: all of it can be made from them again. The truth itself, and what was spent, cannot. */
async function besides({ keys, redis }: TestQueue): Promise<string[]> {
  const truth = /^(generation:|account|ledger|usage)/;
  const names = (await redis.keys(`${keys.root}*`)).map((name) => name.slice(keys.root.length));
  return names.filter((name) => !truth.test(name));
}

async function expectAllEnded({ queue, id }: Victim): Promise<void> {
  const { redis, keys } = queue;
  const recovery = queue.recovery({ lockDurationMs: 1_000 });
  const audit = queue.audit();
  const round = async () => {
    await recovery.tick();
    await audit.step();
    const records = await redis.keys(keys.record("*"));
    return Promise.all(records.map((name) => redis.hget(name, "status")));
  };
  await expect.poll(round).toEqual(["succeeded", "succeeded"]);
  const sums = async (keyId: string) => {
    await audit.step();
    return redis.hmget(`${keys.root}account:${keyId}`, "active", "queued", "reserved");
  };
  for (const keyId of ["key", "key_other"]) await expect.poll(() => sums(keyId)).toEqual(["0", "0", "0"]);
  const left = async () => {
    await audit.step();
    const lists = ["wait", "paused", "active", "prioritized", "delayed"].map((list) => `${keys.lanes}:${lane}:${list}`);
    return [...(await redis.keys(`${keys.lanes}:*:gen_*`)), ...((await redis.exists(...lists)) ? ["a list"] : [])];
  };
  await expect.poll(left).toEqual([]);
  await queue.expectNothingButRecords();
  // Once: an ending is entered into the ledger when it is written.
  const [day = ""] = await redis.smembers(`${keys.root}ledger-days`);
  expect(await redis.llen(`${keys.root}ledger:${day}`)).toBe(2);
  expect(await redis.zscore(keys.retained, id)).not.toBeNull();
  expect(await redis.zscore(keys.index("acme"), id)).not.toBeNull();
}

test.each(Object.entries(states))(
  "a generation that is %s ends, and all sums are exact, whatever is lost beside its record",
  async (_, bring) => {
    const found = await openVictim();
    await bring(found);
    const names = (await besides(found.queue)).map((name) => name.replace(found.id, "{id}"));
    expect(names).toEqual(expect.arrayContaining([`lane:${lane}:{id}`, `pending:${lane}`, `ranks:${lane}`]));

    const losses = [
      ...names.map((name) => [name]),
      // A list that has lost one entry of several.
      ...["queued", "running", "expiring"].map((list) => [`${list} {id}`]),
      // All that BullMQ keeps; all that this installation keeps beside its records.
      names.filter((name) => name.startsWith("lane:")),
      names,
    ];
    await Promise.all(
      losses.map(async (lost) => {
        const victim = await openVictim();
        const { redis, keys } = victim.queue;
        const goOn = await bring(victim);
        for (const text of lost) {
          const [name = "", member] = text.replaceAll("{id}", victim.id).split(" ");
          if (member === undefined) await redis.del(`${keys.root}${name}`);
          else await redis.zrem(`${keys.root}${name}`, member);
        }
        await goOn();
        await expectAllEnded(victim).catch((cause: unknown) => {
          throw new Error(`It does not recover from the loss of: ${lost.join(", ")}`, { cause });
        });
      }),
    );
  },
  60_000,
);

test.each(["active", "queued", "reserved"])(
  "%s of an account is restored while its generations go on",
  async (field) => {
    const victim = await openVictim();
    const { queue } = victim;
    await queue.redis.hdel(`${queue.keys.root}account:key`, field);
    queue.worker(async () => done);
    await expect(expectAllEnded(victim)).resolves.toBeUndefined();
  },
);

test("no attempt is begun beside one whose lock lives, whatever else is lost", async () => {
  const bring = states["running, and its worker lives"];
  if (bring === undefined) throw new Error("There is no such state");
  const found = await openVictim();
  await bring(found);
  const names = (await besides(found.queue)).map((name) => name.replace(found.id, "{id}"));
  const losses = names.filter((name) => !name.endsWith(":lock"));
  await Promise.all(
    [...losses.map((name) => [name]), losses].map(async (lost) => {
      const victim = await openVictim();
      const { redis, keys, generations } = victim.queue;
      const goOn = await bring(victim);
      await redis.del(...lost.map((name) => `${keys.root}${name.replace("{id}", victim.id)}`));
      await goOn();
      await expectAllEnded(victim);
      expect(await generations.read(victim.id), `without ${lost.join(", ")}`).toMatchObject({ attempts: 1 });
    }),
  );
});
