import { expect, onTestFinished, test } from "vitest";
import { createCancelListener } from "./cancel-listener.ts";
import { free, openQueue } from "../queue.fixture.ts";
import { connectSubscriber } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";

async function running(reconcileEveryMs: number) {
  const queue = await openQueue();
  const begun = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<unknown>();
  const worker = queue.worker(({ signal }) => {
    begun.resolve();
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        aborted.resolve(signal.reason);
        reject(new Error("aborted"));
      });
    });
  });
  const subscriber = connectSubscriber(testRedisUrl(), () => {});
  const listener = await createCancelListener({ ...queue, subscriber, workers: [worker], reconcileEveryMs });
  onTestFinished(async () => {
    await listener.close();
    subscriber.disconnect();
  });
  const given = queue.submission();
  await queue.submit(given);
  await begun.promise;
  return { queue, given, subscriber, worker, aborted: aborted.promise };
}

test("a running generation that is canceled is aborted in the worker that runs it", async () => {
  const { queue, given, aborted, worker } = await running(3_600_000);
  await queue.generations.cancel(given.id, given.lane);
  expect(await aborted).toBe("canceled");
  await expect.poll(() => worker.active()).toEqual([]);
  expect(await queue.generations.read(given.id)).toMatchObject({ status: "canceled", attempts: 1 });
});

test("a generation that its owner queues again before the worker has let its job go keeps that job", async () => {
  const queue = await openQueue();
  const { generations, lanes } = queue;
  const [begun, isRetried] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let runs = 0;
  const worker = queue.worker(async () => {
    if (++runs > 1) return { kind: "failed", error: { code: "upstream_error", message: "The second run." } };
    begun.resolve();
    await isRetried.promise;
    throw new Error("aborted");
  });
  const given = queue.submission();
  await queue.submit(given);
  await begun.promise;
  await generations.cancel(given.id, given.lane);
  worker.cancel(given.id);
  await generations.retry(given.id, given.lane, given.tenant, free);
  // BullMQ finds the job that the worker holds.
  await lanes.add(given.lane, given.id, 1);
  isRetried.resolve();
  // No recovery runs here, which would put a lost job back.
  const read = () => generations.read(given.id);
  await expect.poll(read).toMatchObject({ status: "failed", error: { message: "The second run." } });
  expect(runs).toBe(2);
});

test("a cancellation whose message was lost is found by a look at the record", async () => {
  const { queue, given, aborted, subscriber } = await running(20);
  await subscriber.unsubscribe();
  await queue.generations.cancel(given.id, given.lane);
  expect(await aborted).toBe("canceled");
});
