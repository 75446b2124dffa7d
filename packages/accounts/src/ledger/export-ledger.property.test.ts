import { ledgerEntrySchema } from "@darkroom/contracts";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { newEntries, openLedger, pastDay } from "./ledger.fixture.ts";

const harmless = fc.oneof(
  fc.record({ step: fc.constant("end" as const), entries: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ step: fc.constantFrom("export", "export twice at once", "die before the put", "die after the put") }),
);
const losses = fc.record({
  step: fc.constantFrom("remember Redis", "remember Redis", "set Redis back", "set Redis back", "lose Redis"),
});

type Step = { step: string; entries?: number };

/** Runs the steps, and keeps a plain account of which entries Redis was given and has not lost. */
async function run(steps: readonly Step[]) {
  const opened = await openLedger({ segmentEntries: 3 });
  const { ledger, beside, end, ids, segments, objects, loseRedis, snapshotRedis } = opened;
  let written = new Set<string>();
  let remembered = { ids: new Set<string>(), restore: loseRedis };
  let stored: string[] = [];
  const dying = (when: string) =>
    beside({
      objects: {
        ...objects,
        put: async (...write) => {
          if (when === "die after the put") await objects.put(...write);
          throw new Error("killed");
        },
      },
    });
  const inStore = async () => (await segments()).flat().map((line) => ledgerEntrySchema.parse(JSON.parse(line)).id);

  for (const { step, entries = 0 } of steps) {
    if (step === "end") for (const { id } of await end(pastDay, ...newEntries(entries))) written.add(id);
    else if (step === "export") await ledger.exportDue();
    else if (step === "export twice at once") await Promise.all([ledger.exportDue(), beside().exportDay(pastDay)]);
    else if (step.startsWith("die"))
      await dying(step)
        .exportDue()
        .catch(() => {});
    else if (step === "remember Redis") remembered = { ids: new Set(written), restore: await snapshotRedis() };
    else if (step === "lose Redis") {
      await loseRedis();
      written = new Set();
    } else {
      await remembered.restore();
      written = new Set(remembered.ids);
    }
    const before = stored;
    stored = await inStore();
    expect(stored.slice(0, before.length)).toEqual(before);
    const expected = new Set([...stored, ...written]);
    expect((await ids()).toSorted()).toEqual([...expected].toSorted());
  }
  await ledger.exportDue();
  return { ...opened, inStore: await inStore(), expected: written };
}

test("whatever dies or runs at once, every entry is in the store once, in its order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(harmless, { maxLength: 12 }), async (steps) => {
      const { inStore, expected, redis, keys } = await run(steps);
      expect(inStore).toEqual([...expected]);
      expect(await redis.exists(keys.entries(pastDay), keys.days)).toBe(0);
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

test("whatever Redis forgets, what was in the store stays, what is in Redis comes to it, and each is told once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ arbitrary: harmless, weight: 4 }, losses), { minLength: 10, maxLength: 40 }),
      async (steps) => {
        const { inStore, expected, ids } = await run(steps);
        expect(new Set(inStore)).toEqual(new Set([...inStore, ...expected]));
        expect(await ids()).toEqual([...new Set(inStore)]);
      },
    ),
    { numRuns: 40, endOnFailure: true },
  );
});
