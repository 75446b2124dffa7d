import { setTimeout as pause } from "node:timers/promises";
import { type BatchClient, createBatchClient } from "../batch/batch-client.ts";
import { openDarkroom } from "../systems/systems.ts";
import type { Scenario } from "../wait/scenario.ts";
import { byWorkers } from "./by-workers.ts";

/** Has each call to the store take 20 ms. */
const slowStore = new URL("slow-store.mjs", import.meta.url).href;

const usualLines = 4_000;
const quickLines = 400;
const linesOfSmall = 10;
/** Submissions at a time. */
const inFlight = 20;
/** How often it is looked whether all batches have ended, in milliseconds. */
const everyMs = 50;

const lineOf = (index: number) =>
  JSON.stringify({
    custom_id: `line-${index}`,
    method: "POST",
    url: "/v1/images/generations",
    body: { model: "dall-e-2", prompt: `A lighthouse at dusk, seen from boat ${index}`, size: "256x256" },
  });

/** Runs batches of so many lines, submitted at once, and answers how long it took until the last one was completed, in milliseconds. */
async function runBatches(client: BatchClient, batches: number, lines: number): Promise<number> {
  const text = Array.from({ length: lines }, (_, index) => `${lineOf(index)}\n`).join("");
  const fileId = await client.upload(text);
  const beganAtMs = performance.now();
  const open = new Set(await sideBySide(batches, async () => (await client.create(fileId)).id));
  while (open.size > 0) {
    // The oldest is looked at, because it mostly ends first. A look at each would be the api's work, and not the workers'.
    for (const id of open) {
      const { status, request_counts: counts } = await client.read(id);
      if (["failed", "expired", "cancelled"].includes(status)) throw new Error(`A batch is ${status}`);
      if (status !== "completed") break;
      if (counts.completed !== lines) throw new Error(`Of ${lines} lines ${counts.completed} were completed`);
      open.delete(id);
    }
    if (open.size > 0) await pause(everyMs);
  }
  return performance.now() - beganAtMs;
}

async function sideBySide<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  let next = 0;
  const run = async () => {
    while (next < count) {
      const index = next++;
      done[index] = await work();
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, run));
  return done;
}

/** The same lines as one batch and as many small ones, on a store that takes 20 ms for each call. */
export const batches: Scenario = {
  number: 6,
  title: `${usualLines} lines as one batch, and as batches of ${linesOfSmall}`,
  run: (settings) =>
    byWorkers(settings, async (workers) => {
      const lines = settings.quick ? quickLines : usualLines;
      const options = { apis: 1, workers, store: "tmpfs", profileTo: settings.profileTo } as const;
      const system = await openDarkroom(options, { environment: { NODE_OPTIONS: `--import=${slowStore}` } });
      try {
        const [target] = system.targets;
        if (target === undefined) throw new Error("There is no api");
        const client = createBatchClient(target);
        const oneMs = await runBatches(client, 1, lines);
        settings.tell(`one batch: ${Math.round(oneMs)} ms`);
        const smallMs = await runBatches(client, lines / linesOfSmall, linesOfSmall);
        settings.tell(`small batches: ${Math.round(smallMs)} ms`);
        return {
          "as one batch, lines/s": Math.round((lines / oneMs) * 1_000),
          [`as batches of ${linesOfSmall}, lines/s`]: Math.round((lines / smallMs) * 1_000),
          "times as long as one batch": Math.round((smallMs / oneMs) * 100) / 100,
        };
      } finally {
        await system.close();
      }
    }),
};
