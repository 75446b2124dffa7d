import { createLogger } from "@darkroom/runtime";
import { expect, onTestFinished, test, vi } from "vitest";
import { createDisconnects, type Waiting } from "./cancel-on-disconnect.ts";

const log = createLogger({ name: "api-test", level: "silent", pretty: false });

const waiting = (id: string): Waiting => ({ id, lane: "lane", caller: `replies/${id}` });

/** A queue that is away for its first answers, and never takes what is told of the id `stuck`. */
function openDisconnects(failures: number, { forMs = 60_000, most = 100 } = {}) {
  const told: string[] = [];
  const removed: string[] = [];
  let left = failures;
  const disconnects = createDisconnects({
    queue: {
      generations: {
        leave: async (id, _lane, caller, how) => {
          if (id === "stuck" || left-- > 0) throw new Error("Redis is away");
          told.push(`${id} ${caller} ${how}`);
          return id.startsWith("running") ? "kept" : "canceled";
        },
        attachedTo: async (id) => (id === "attached-1" ? "running-9" : null),
        readLane: async () => null,
      },
      lanes: { remove: async (_lane, id) => removed.push(id) > 0 },
    },
    log,
    everyMs: 5,
    forMs,
    most,
  });
  onTestFinished(() => disconnects.close());
  return { disconnects, told, removed };
}

test("each is told once, and what was canceled is taken off its lane", async () => {
  const { disconnects, told, removed } = openDisconnects(0);
  disconnects.leave(waiting("running-1"), "answered");
  disconnects.leave(waiting("queued-1"), "cut");
  await expect.poll(() => disconnects.size).toBe(0);
  expect(told).toEqual(["running-1 replies/running-1 answered", "queued-1 replies/queued-1 cut"]);
  expect(removed).toEqual(["queued-1"]);
});

test("none waits for another to be told: a caller's next request may be on its way", async () => {
  const { disconnects, told } = openDisconnects(0);
  disconnects.leave(waiting("running-1"), "cut");
  disconnects.leave(waiting("running-2"), "cut");
  expect(told).toHaveLength(2);
});

test("while Redis is away they are kept in mind", async () => {
  const { disconnects, told } = openDisconnects(5);
  for (let i = 0; i < 3; i++) disconnects.leave(waiting(`queued-${i}`), "cut");
  await expect.poll(() => disconnects.size).toBe(0);
  expect(told.toSorted()).toEqual([0, 1, 2].map((i) => `queued-${i} replies/queued-${i} cut`));
});

test("two callers of one generation are told of apart, though Redis was away for the first", async () => {
  const { disconnects, told } = openDisconnects(1);
  disconnects.leave({ ...waiting("running-1"), caller: "replies/1" }, "cut");
  disconnects.leave({ ...waiting("running-1"), caller: "replies/2" }, "cut");
  await expect.poll(() => disconnects.size).toBe(0);
  expect(told.toSorted()).toEqual(["running-1 replies/1 cut", "running-1 replies/2 cut"]);
});

test("one that cannot be told does not keep the others from it", async () => {
  const { disconnects, told } = openDisconnects(2);
  disconnects.leave(waiting("stuck"), "cut");
  disconnects.leave(waiting("queued-1"), "cut");
  disconnects.leave(waiting("running-1"), "answered");
  await expect
    .poll(() => told.toSorted())
    .toEqual(["queued-1 replies/queued-1 cut", "running-1 replies/running-1 answered"]);
  expect(disconnects.size).toBe(1);
});

test("a dozen that cannot be told do not keep the one behind them from it", async () => {
  const { disconnects, told } = openDisconnects(1);
  for (let i = 0; i < 12; i++) disconnects.leave(waiting("stuck"), "cut");
  disconnects.leave(waiting("queued-1"), "cut");
  await expect.poll(() => told).toEqual(["queued-1 replies/queued-1 cut"]);
  expect(disconnects.size).toBe(12);
});

test("not more of them than there is room for: the oldest are forgotten", async () => {
  const { disconnects, told } = openDisconnects(3, { most: 2 });
  for (let i = 0; i < 3; i++) disconnects.leave(waiting(`queued-${i}`), "cut");
  await expect.poll(() => disconnects.size).toBe(0);
  expect(told).toEqual(["queued-1 replies/queued-1 cut", "queued-2 replies/queued-2 cut"]);
});

test("they are kept in mind though the clock of this machine is set forward", async () => {
  const { disconnects, told } = openDisconnects(2);
  disconnects.leave(waiting("queued-1"), "cut");
  const clock = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 86_400_000);
  onTestFinished(() => clock.mockRestore());
  await expect.poll(() => told).toEqual(["queued-1 replies/queued-1 cut"]);
});

test("not for ever", async () => {
  const { disconnects, told } = openDisconnects(Infinity, { forMs: 20 });
  disconnects.leave(waiting("queued-1"), "cut");
  expect(disconnects.size).toBe(1);
  await expect.poll(() => disconnects.size).toBe(0);
  expect(told).toEqual([]);
});

test("a submission whose answer was lost is given up where it was attached", async () => {
  const { disconnects, told } = openDisconnects(0);
  disconnects.giveUp(waiting("attached-1"));
  disconnects.giveUp(waiting("queued-1"));
  await expect.poll(() => disconnects.size).toBe(0);
  expect(told.toSorted()).toEqual(["queued-1 replies/queued-1 cut", "running-9 replies/attached-1 cut"]);
});

test("closing has a last look", async () => {
  const { disconnects, told } = openDisconnects(1);
  disconnects.leave(waiting("queued-1"), "cut");
  await disconnects.close();
  expect(told).toHaveLength(1);
});
