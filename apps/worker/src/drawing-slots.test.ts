import type { Outcome } from "@darkroom/generations";
import { expect, test } from "vitest";
import { anAttempt, aRecord } from "./attempt.fixture.ts";
import { createDrawingSlots } from "./drawing-slots.ts";

const attemptOf = (tenant: string) => anAttempt({ record: { ...aRecord({}), tenant } });

test("a tenant has a slot for each generation that is worked on, also where the work fails", async () => {
  const slots = createDrawingSlots();
  const ends: PromiseWithResolvers<Outcome>[] = [];
  const work = slots.counted(() => {
    const end = Promise.withResolvers<Outcome>();
    ends.push(end);
    return end.promise;
  });
  const runs = [work(attemptOf("acme")), work(attemptOf("acme")), work(attemptOf("other"))];
  expect([...slots.byTenant()]).toEqual([
    ["acme", 2],
    ["other", 1],
  ]);
  ends[0]?.reject(new Error("broken"));
  await expect(runs[0]).rejects.toThrow("broken");
  expect(slots.byTenant().get("acme")).toBe(1);
  for (const end of ends.slice(1)) end.reject(new Error("stopped"));
  await Promise.allSettled(runs);
  expect(slots.byTenant().size).toBe(0);
});
