import { monitorRedis, startRedis } from "@darkroom/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { openQueue } from "./queue.fixture.ts";

/** What BullMQ keeps of a job, without its time. */
async function jobOf({ redis, keys, lanes }: Awaited<ReturnType<typeof openQueue>>, lane: string, id: string) {
  const { timestamp, ...hash } = await redis.hgetall(keys.lane(lane) + id);
  const score = await redis.zscore(`${keys.lane(lane)}prioritized`, id);
  const marker = await redis.zrange(`${keys.lane(lane)}marker`, "0", "-1", "WITHSCORES");
  expect(Number(timestamp)).toBeGreaterThan(1_700_000_000_000);
  return { hash, score: Number(score), marker, found: await lanes.find(lane, id) };
}

test("a submission puts the same job on its lane that BullMQ puts there", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  const submitted = await queue.submit(given);
  const ours = await jobOf(queue, given.lane, given.id);

  const bullmq = await openQueue();
  if (submitted.kind !== "accepted") throw new Error("It was not accepted");
  await bullmq.lanes.add(given.lane, given.id, submitted.priority);
  expect(ours).toEqual(await jobOf(bullmq, given.lane, given.id));
});

test("jobs of equal priority keep their order, whether they come with a submission or are put back", async () => {
  const queue = await openQueue();
  const [first, second, third] = ["a", "b", "c"].map((tenant) => queue.submission({ tenant }));
  await queue.submit(first!);
  await queue.generations.submit(second!);
  await queue.lanes.add(second!.lane, second!.id, 1);
  await queue.submit(third!);
  const line = await queue.redis.zrange(`${queue.keys.lane(first!.lane)}prioritized`, "0", "-1");
  expect(line).toEqual([first!.id, second!.id, third!.id]);
});

test("a lane that an operator has paused takes the job and wakes no worker", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  await queue.redis.hset(`${queue.keys.lane(given.lane)}meta`, "paused", "1");
  await queue.submit(given);
  expect(await queue.redis.exists(`${queue.keys.lane(given.lane)}marker`)).toBe(0);
  expect(await queue.lanes.find(given.lane, given.id)).toBe("waiting");
});

test("a submission is one command to Redis", async () => {
  const server = await startRedis({ persist: false });
  onTestFinished(() => server.stop());
  const queue = await openQueue({ url: server.url });
  await queue.submit(queue.submission());
  const sent: string[] = [];
  const monitor = await monitorRedis(server.url, ({ words: [name = ""], byScript }) => {
    if (!byScript) sent.push(name.toLowerCase());
  });
  await queue.submit(queue.submission());
  await queue.redis.echo("done");
  await expect.poll(() => sent).toContain("echo");
  monitor.close();
  expect(sent).toEqual(["evalsha", "echo"]);
});

test("a lane that cannot take the job does not keep the caller from its generation: recovery puts it there", async () => {
  const log = { debug() {}, info() {}, warn: vi.fn<(fields: object, sentence: string) => void>(), error() {} };
  const queue = await openQueue({ log });
  const given = queue.submission();
  const line = `${queue.keys.lane(given.lane)}prioritized`;
  await queue.redis.set(line, "no sorted set");
  expect(await queue.submit(given)).toMatchObject({ kind: "accepted" });
  expect(log.warn).toHaveBeenCalledWith(
    { generationId: given.id, lane: given.lane, why: expect.stringContaining("WRONGTYPE") },
    "The job could not be put on its lane; recovery will",
  );
  await queue.redis.del(line);
  await queue.recovery().tick();
  expect(await queue.lanes.find(given.lane, given.id)).toBe("waiting");
});

test("a submission that is repeated after a lost answer puts no second job on the lane", async () => {
  const queue = await openQueue();
  const given = queue.submission();
  const accepted = await queue.submit(given);
  // A worker is done with the job by then.
  expect(await queue.lanes.remove(given.lane, given.id)).toBe(true);
  expect(await queue.submit(given)).toEqual(accepted);
  expect(await queue.lanes.find(given.lane, given.id)).toBeNull();
});
