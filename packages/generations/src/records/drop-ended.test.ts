import { expect, test } from "vitest";
import { createPackRecord } from "../packing/pack-ended.ts";
import { bill, delivery, openQueue } from "../queue.fixture.ts";

test.each([false, true])(
  "a paid image that no caller was answered with is not dropped while an equal request gets it (packed: %s)",
  async (isPacked) => {
    const queue = await openQueue({ retention: { recordsMs: 3_600_000, claimsMs: 60_000, tombstonesMs: 60_000 } });
    const { generations, attempts, redis, keys } = queue;
    const endMinutesAgo = async (id: string, minutes: number) => {
      const { lane } = queue.submission();
      await attempts.start(id, lane);
      await attempts.succeed(id, lane, 1, delivery, bill);
      await redis.hincrby(keys.record(id), "endedAt", -60_000 * minutes);
      if (isPacked) await createPackRecord(redis, keys)(id);
    };
    const [open, late, answered, claimed] = [
      queue.submission(),
      queue.submission(),
      queue.submission(),
      queue.submission({ idempotencyKey: "order-17" }),
    ];
    for (const given of [open, late, answered, claimed]) await generations.submit(given);
    await generations.leave(answered.id, answered.lane, "", "answered");
    for (const { id } of [open, answered, claimed]) await endMinutesAgo(id, 5);
    await endMinutesAgo(late.id, 16);

    expect(await generations.dropEnded("acme", 0, 100)).toEqual({ dropped: 3, nextMs: null });
    expect(await redis.zrangebyscore(keys.retained, "-inf", Date.now() + 60_000)).not.toContain(open.id);
    expect(await generations.dropEnded("acme", 0, 100)).toEqual({ dropped: 0, nextMs: null });
  },
);
