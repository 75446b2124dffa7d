import { createLogger } from "@darkroom/observe";
import { expect, onTestFinished, test } from "vitest";
import { createAbandoner } from "./abandoner.ts";

const log = createLogger({ name: "api-test", level: "silent", pretty: false });

/** A queue that is away for its first answers. */
function openAbandoner(failures: number, forMs = 60_000) {
  const abandoned: string[] = [];
  const removed: string[] = [];
  let left = failures;
  const abandoner = createAbandoner({
    queue: {
      store: {
        abandon: async (id: string) => {
          if (left-- > 0) throw new Error("Redis is away");
          abandoned.push(id);
          return id.startsWith("running") ? "kept" : "canceled";
        },
      },
      lanes: { remove: async (_lane: string, id: string) => removed.push(id) > 0 },
      waits: { channel: "replies", isAwaited: (id: string) => id.startsWith("awaited") },
    },
    log,
    everyMs: 5,
    forMs,
  });
  onTestFinished(() => abandoner.close());
  return { abandoner, abandoned, removed };
}

test("each is given up once, and what was canceled is taken off its lane", async () => {
  const { abandoner, abandoned, removed } = openAbandoner(0);
  abandoner.abandon("running-1", "lane");
  abandoner.abandon("queued-1", "lane");
  await expect.poll(() => abandoner.size).toBe(0);
  expect(abandoned).toEqual(["running-1", "queued-1"]);
  expect(removed).toEqual(["queued-1"]);
});

test("one that somebody else here waits for is left alone", async () => {
  const { abandoner, abandoned } = openAbandoner(0);
  expect(await abandoner.abandonNow("awaited-1", "lane")).toBe("kept");
  abandoner.abandon("awaited-2", "lane");
  await expect.poll(() => abandoner.size).toBe(0);
  expect(abandoned).toEqual([]);
});

test("while Redis is away they are kept in mind", async () => {
  const { abandoner, abandoned } = openAbandoner(5);
  for (let i = 0; i < 3; i++) abandoner.abandon(`queued-${i}`, "lane");
  await expect.poll(() => abandoner.size).toBe(0);
  expect(abandoned).toEqual(["queued-0", "queued-1", "queued-2"]);
});

test("not for ever", async () => {
  const { abandoner, abandoned } = openAbandoner(Infinity, 20);
  abandoner.abandon("queued-1", "lane");
  expect(abandoner.size).toBe(1);
  await expect.poll(() => abandoner.size).toBe(0);
  expect(abandoned).toEqual([]);
});

test("closing has a last look", async () => {
  const { abandoner, abandoned } = openAbandoner(1);
  abandoner.abandon("queued-1", "lane");
  await abandoner.close();
  expect(abandoned).toEqual(["queued-1"]);
});
