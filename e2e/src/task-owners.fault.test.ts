import { randomUUID } from "node:crypto";
import { text } from "node:stream/consumers";
import { createKeys, connectProducer, untilConnected } from "@darkroom/redis";
import { createObjectStore, objectStoreSettings } from "@darkroom/storage";
import { describeWithS3, s3Environment, startTcpProxy, type TcpProxy } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { expectAllSucceeded } from "./every-generation.ts";
import type { Service } from "./service.ts";
import { startStack } from "./stack.ts";

const drawn = 12;
const keys = createKeys("darkroom");
const dayMs = 86_400_000;

describeWithS3("the export of the ledger and the removal", (s3) => {
  /** A fleet whose workers reach Redis and the store by lines of their own, and what a dozen generations have left there. */
  async function openFleet() {
    const environment = s3Environment(s3, { prefix: `owners-${randomUUID()}` });
    const stack = await startStack({ workers: 0, environment: { ...environment, LEDGER_EXPORT_INTERVAL_MS: "500" } });
    const objects = createObjectStore(objectStoreSettings(environment));
    const redis = connectProducer(stack.redis.url, () => {});
    onTestFinished(async () => {
      redis.disconnect();
      await objects.close();
    });
    await untilConnected(redis, 5_000);

    async function startWorker() {
      const [line, store] = await Promise.all([startTcpProxy(stack.redis.url), startTcpProxy(s3.endpoint)]);
      onTestFinished(async () => {
        await Promise.all([line.close(), store.close()]);
      });
      const service = await stack.startWorker({ REDIS_URL: line.url, S3_ENDPOINT: store.url });
      return { service, line, store };
    }

    const day = new Date(Date.now() - dayMs).toISOString().slice(0, 10);
    const [entries, exported] = [`darkroom:ledger:${day}`, `darkroom:ledger-export:${day}`];
    const segment = (offset: number) => `_ledger/${day}/${String(offset).padStart(10, "0")}.jsonl`;
    onTestFinished(() => objects.delete([segment(0)]));
    let ids: string[] = [];
    let images: string[] = [];

    return {
      redis,
      startWorker,

      async draw() {
        const draw = () => stack.generate({ model: "dall-e-2", prompt: "a cat", size: "256x256" });
        await Promise.all(Array.from({ length: drawn }, draw));
        const records = await expectAllSucceeded(stack.redis.url, drawn);
        ids = records.map(({ id }) => id);
        images = records.flatMap(({ delivery }) => delivery?.images.map(({ key }) => key) ?? []);
        expect(images).toHaveLength(drawn);
      },

      /** Their day in the ledger is over. */
      async endDay() {
        await redis.rename(`darkroom:ledger:${new Date().toISOString().slice(0, 10)}`, entries);
        await redis.hset(exported, "offset", 0);
        await redis.sadd("darkroom:ledger-days", day);
      },

      /** Their retention is over; or so is the minute in which what a worker has claimed is left to it. */
      async endRetention() {
        for (const id of ids) await redis.zadd(keys.retained, "XX", 0, id);
      },

      isUnderWay: async () => [
        await redis.hget(exported, "claimed"),
        await redis.exists(...ids.map((id) => keys.forgotten(id))),
      ],

      isExported: async () => (await redis.exists(entries)) === 0,
      retained: () => redis.zcard(keys.retained),

      /** Each entry is in the store once, and no object of a generation is left, nor anything of its own in Redis. */
      async expectDoneOnce() {
        const lines = (await text((await objects.get(segment(0))).body)).trimEnd().split("\n");
        const written = lines.flatMap((line) => /"generation":"(\w+)"/.exec(line)?.slice(1) ?? []);
        expect(written.toSorted()).toEqual(ids.toSorted());
        expect(await objects.head(segment(drawn))).toBeNull();
        expect(await Promise.all(images.map((key) => objects.head(key)))).toEqual(images.map(() => null));
        expect(await redis.exists(...ids.flatMap((id) => [keys.record(id), keys.forgotten(id)]))).toBe(0);
        expect(await redis.exists(entries)).toBe(0);
      },
    };
  }

  describe("go to another worker, nothing is done twice, and nothing is left, when their owner", () => {
    type Fault = (owner: { service: Service; line: TcpProxy }) => void;
    const faults: Record<string, [breakDown: Fault, mend: Fault]> = {
      "is killed": [({ service }) => void process.kill(service.pid, "SIGKILL"), () => {}],
      "is frozen": [
        ({ service }) => void process.kill(service.pid, "SIGSTOP"),
        ({ service }) => void process.kill(service.pid, "SIGCONT"),
      ],
      "is cut off from Redis": [({ line }) => line.blackhole(), ({ line }) => line.restore()],
    };

    test.each(Object.entries(faults))("%s in the middle of them", async (fault, [breakDown, mend]) => {
      const fleet = await openFleet();
      const owner = await fleet.startWorker();
      await fleet.draw();
      // It has claimed its work, and waits for the store.
      owner.store.blackhole();
      await fleet.endDay();
      await fleet.endRetention();
      await expect.poll(fleet.isUnderWay).toEqual([String(drawn), drawn]);
      breakDown(owner);
      await fleet.startWorker();
      await expect.poll(fleet.isExported).toBe(true);
      await fleet.endRetention();
      await expect.poll(fleet.retained).toBe(0);
      await fleet.expectDoneOnce();

      // What the former owner had on its way arrives, and it goes on.
      owner.store.restore();
      mend(owner);
      await expect.poll(() => fleet.redis.hlen(keys.taskWorkers)).toBe(fault === "is killed" ? 1 : 2);
      await fleet.expectDoneOnce();
    });
  });

  test("are done by the other worker when one alone cannot reach the store", async () => {
    const fleet = await openFleet();
    const first = await fleet.startWorker();
    const [nameOfFirst] = await fleet.redis.hkeys(keys.taskWorkers);
    const second = await fleet.startWorker();
    await fleet.draw();
    await expect.poll(() => fleet.redis.hlen(keys.taskWorkers)).toBe(2);
    // The tasks have been shared out by the time that each worker holds a slice of the removal.
    const holderOf = async (task: string) => (await fleet.redis.hget(keys.taskLeases, task))?.split(" ")[0];
    await expect.poll(async () => (await holderOf("removal:0")) !== (await holderOf("removal:1"))).toBe(true);
    const broken = (await holderOf("ledger-export:all")) === nameOfFirst ? first : second;
    broken.store.cut();
    await fleet.endDay();
    await broken.service.logged("The ledger could not be exported");
    await expect.poll(fleet.isExported).toBe(true);
    await expect
      .poll(
        async () => {
          await fleet.endRetention();
          return fleet.retained();
        },
        { interval: 2_000 },
      )
      .toBe(0);
    await fleet.expectDoneOnce();
  });
});
