import { once } from "node:events";
import { connectWorker } from "@darkroom/redis";
import { testRedisUrl } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { openQueue } from "../queue.fixture.ts";
import { createBatchTasks } from "./batch-tasks.ts";
import { createPutNextTask } from "./put-next-task.ts";

const log = { debug() {}, info() {}, warn() {}, error() {} };

test("lanes are fed while files that take their time hold every slot and more of them wait", async () => {
  const { keys, lanes } = await openQueue();
  const redis = connectWorker(testRedisUrl(), () => {});
  const fed = Promise.withResolvers<string>();
  const untilStopped = async (_: string, signal: AbortSignal) => {
    await once(signal, "abort");
    return null;
  };
  const tasks = createBatchTasks({
    redis,
    keys,
    concurrency: 1,
    lockDurationMs: 5_000,
    stalledIntervalMs: 1_000,
    tasks: {
      validate: untilStopped,
      finalize: untilStopped,
      async feed(lane) {
        fed.resolve(lane);
        return null;
      },
    },
    log,
  });
  onTestFinished(async () => {
    await tasks.close();
    redis.disconnect();
  });
  await tasks.ready();
  const putNextTask = createPutNextTask({ lanes, log });
  for (const id of ["1", "2", "3"]) await putNextTask({ id, status: "validating", lane: null, ready: false });
  await putNextTask({ id: "4", status: "in_progress", lane: "sandbox.batch", ready: false });
  expect(await fed.promise).toBe("sandbox.batch");
});
