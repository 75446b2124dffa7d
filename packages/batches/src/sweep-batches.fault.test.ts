import { fileURLToPath } from "node:url";
import { ownerFaults, startBrokenOwner, startOwner, temporaryFolder, testRedisUrl } from "@darkroom/testing";
import { expect, test } from "vitest";
import { filesystemStore } from "./batch-parts.fixture.ts";
import { imageKey, openBatches, succeeded } from "./finished-batch.fixture.ts";
import { batchObjects } from "./records/batch-objects.ts";

const program = fileURLToPath(new URL("sweep-process.fixture.ts", import.meta.url));
const leaseMs = 1_000;
/** Of the first batch: its images. The owner waits before it deletes the images of the second segment. */
const calls = 1;
const stored = { contentType: "text/plain" };

test.each(Object.entries(ownerFaults))(
  "an owner of the removal of batches that is %s in the middle of one is replaced, and what is over is gone, and nothing else",
  async (fault, breakDown) => {
    const directory = await temporaryFolder();
    const { redis, keys, prefix, objects, batches, finished, finalize, quarantine } = openBatches(
      filesystemStore(directory),
    );
    const made = async (first: number, outputSeconds: number) => {
      const id = await finished({
        total: 4,
        segments: [
          [succeeded(first), succeeded(first + 1)],
          [succeeded(first + 2), succeeded(first + 3)],
        ],
        outputSeconds,
      });
      const images = Array.from({ length: 4 }, (_, i) => imageKey(first + i));
      for (const key of images) await objects.put(key, Buffer.from("png"), stored);
      await finalize()(id, new AbortController().signal);
      return { id, images };
    };
    const over = [await made(0, 0), await made(4, 0), await made(8, 0)];
    const kept = await made(12, 3_600);
    const leftOf = async ({ id, images }: (typeof over)[number]) => {
      const { lines, results } = batchObjects("acme", id);
      const found = [...images, lines(0), lines(1), results(0), results(1)].map((key) => objects.head(key));
      return (await Promise.all(found)).filter((one) => one !== null).length;
    };
    const whole = await leftOf(kept);
    expect(whole).toBe(8);

    const redisUrl = testRedisUrl();
    const args = [prefix, `${leaseMs}`, directory];
    const { mend } = await startBrokenOwner({ program, redisUrl, args: [...args, `${calls}`], breakDown });
    expect(await Promise.all(over.map(leftOf))).toEqual([6, 8, 8]);
    startOwner(program, [redisUrl, ...args, "Infinity"]);
    await expect.poll(() => redis.zcount(keys.endedBatches, "-inf", Date.now())).toBe(0);
    const isGone = async () => {
      expect(await Promise.all(over.map(leftOf))).toEqual([0, 0, 0]);
      expect(await Promise.all(over.map(({ id }) => batches.read(id)))).toEqual([null, null, null]);
    };
    await isGone();

    // The former owner goes on where it was.
    await redis.set(`${prefix}:go`, "1");
    mend();
    await expect.poll(async () => fault === "killed" || (await redis.exists(`${prefix}:over`)) === 1).toBe(true);
    await isGone();
    expect(await leftOf(kept)).toBe(whole);
    expect(await batches.read(kept.id)).toMatchObject({ id: kept.id, status: "completed" });
    expect(await quarantine.list({ limit: 10 })).toEqual([]);
  },
);
