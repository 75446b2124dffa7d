import { fileURLToPath } from "node:url";
import { ownerFaults, startBrokenOwner, startOwner, testRedisUrl } from "@darkroom/testing";
import { expect, test } from "vitest";
import { openWebhooks } from "./open-webhooks.fixture.ts";

const program = fileURLToPath(new URL("outbox-process.fixture.ts", import.meta.url));
const leaseMs = 1_000;
const ended = 150;
/** Of the first page. */
const handedOver = 30;

test.each(Object.entries(ownerFaults))(
  "an owner of the outbox that is %s in the middle of a page is replaced, and each ending is handed over once",
  async (fault, breakDown) => {
    const { redis, keys, webhooks, prefix, ...queue } = await openWebhooks();
    const ids: string[] = [];
    while (ids.length < ended) ids.push(await queue.ended());
    const redisUrl = testRedisUrl();
    const args = [prefix, `${leaseMs}`, `${handedOver}`];
    const { mend } = await startBrokenOwner({ program, redisUrl, args, breakDown });
    expect(await redis.zcard(keys.outbox)).toBeGreaterThan(0);
    startOwner(program, [redisUrl, prefix, `${leaseMs}`, "Infinity"]);
    // What was not claimed is handed over when the lease is over, and what was when the claim is.
    await expect.poll(() => redis.zcount(keys.outbox, "-inf", Date.now())).toBe(0);
    const claimed = await redis.zrange(keys.outbox, "0", "-1");
    for (const entry of claimed) await redis.zadd(keys.outbox, 0, entry);
    await expect.poll(() => redis.zcard(keys.outbox)).toBe(0);
    expect(await redis.zcard(keys.deliveries)).toBe(ended);
    const deliveries = await Promise.all(ids.map((id) => webhooks.read(id)));
    expect(deliveries.map((delivery) => delivery?.status)).toEqual(ids.map(() => "pending"));

    // The former owner goes on where it was.
    await redis.set(`${prefix}:go`, "1");
    mend();
    await expect.poll(() => redis.hlen(keys.taskWorkers)).toBe(fault === "killed" ? 1 : 2);
    expect(await redis.zcard(keys.deliveries)).toBe(ended);
    expect(await Promise.all(ids.map((id) => webhooks.read(id)))).toEqual(deliveries);
  },
);
