import { monitorRedis, startRedis, startStopwatch } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { delivery, openQueue } from "../queue.fixture.ts";

const done = async () => ({ kind: "succeeded", delivery }) as const;

test("a worker with nothing to do asks whether its lane is empty, and runs no script, and takes the next job at once", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(server.stop);
  const queue = await openQueue({ url: server.url });
  await queue.worker(done, { stalledIntervalMs: 60_000 }).ready();
  const seen: string[] = [];
  let waits = 0;
  const monitor = await monitorRedis(server.url, ({ words: [name = ""] }) => {
    seen.push(name.toLowerCase());
    if (name.toLowerCase() === "bzpopmin") waits++;
  });
  onTestFinished(monitor.close);
  // BullMQ waits for ten seconds at a time.
  await expect.poll(() => waits).toBeGreaterThanOrEqual(2);
  expect(seen.filter((name) => name.startsWith("eval"))).toEqual([]);
  expect(seen).toContain("exists");

  const given = queue.submission();
  const sinceMs = startStopwatch();
  await queue.submit(given);
  await expect.poll(() => queue.generations.read(given.id)).toMatchObject({ status: "succeeded" });
  expect(sinceMs()).toBeLessThan(2_000);
});
