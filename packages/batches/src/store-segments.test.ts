import { text } from "node:stream/consumers";
import { StorageError } from "@darkroom/storage";
import { describe, expect, test, vi } from "vitest";
import { live, openLane, work } from "./open-lane.fixture.ts";
import { readJsonLines } from "./read-json-lines.ts";
import { batchObjects } from "./records/batch-objects.ts";
import { lineResultSchema } from "./records/line-result.ts";

const patienceMs = 300_000;

type Refusal = "taken" | "for now" | "for good";

/** A batch whose lines have all ended, and a store that refuses some of what is written to it. */
async function openEnded(total: number) {
  const queue = openLane();
  const id = await queue.begin(total);
  const round = queue.newRound();
  await round(live);
  await work(queue, id);
  const put = queue.objects.put.bind(queue.objects);
  const state = { answer: (_key: string, _text: string): Refusal => "taken" };
  vi.spyOn(queue.objects, "put").mockImplementation(async (key, body, options) => {
    const content = body instanceof Uint8Array ? Buffer.from(body).toString() : await text(body);
    const answer = state.answer(key, content);
    if (answer !== "taken") {
      throw new StorageError({ operation: "put", key, retryable: answer === "for now", advice: "No." });
    }
    await put(key, Buffer.from(content), options);
  });
  return {
    queue,
    id,
    state,
    segment: batchObjects("acme", id).results,

    /** A round so many milliseconds after the first. */
    roundAt: async (ms: number) => {
      queue.time.offsetMs = ms;
      await round(live);
      return queue.read(id);
    },

    /** The indexes of the lines whose results are in the store. */
    stored: async () => {
      const { segments } = await queue.read(id);
      const indexes: number[] = [];
      for (let number = 0; number < segments; number++) {
        const lines = await readJsonLines(
          queue.objects,
          batchObjects("acme", id).results(number),
          lineResultSchema,
        ).catch(() => []);
        indexes.push(...lines.flatMap((line) => line?.index ?? []));
      }
      return indexes.toSorted((a, b) => a - b);
    },
  };
}

const allOf = (total: number) => Array.from({ length: total }, (_, index) => index);

describe("results that the store refuses", () => {
  test("by their name are stored under the next one after five minutes, and none is lost", async () => {
    const { state, roundAt, stored, segment } = await openEnded(4);
    state.answer = (key) => (key === segment(0) ? "for good" : "taken");
    expect(await roundAt(0)).toMatchObject({ ready: false, completed: 0 });
    expect(await roundAt(patienceMs - 1_000)).toMatchObject({ ready: false, completed: 0 });
    expect(await roundAt(patienceMs + 10_000)).toMatchObject({ ready: true, completed: 4, failed: 0, segments: 2 });
    expect(await stored()).toEqual(allOf(4));
  });

  test("for one line cost that line, and not the others", async () => {
    const { state, roundAt, stored, queue, id } = await openEnded(9);
    // One that was drawn: a line that failed when it was drawn would be counted once. Lines are drawn in any order.
    let refused = -1;
    state.answer = (_, content) => {
      const drawn = content.split("\n").find((line) => line !== "" && !line.includes("upstream_error"));
      if (refused === -1) refused = Number(/"index":(\d+),/.exec(drawn ?? "")?.[1]);
      return content.includes(`{"index":${refused},"custom_id"`) ? "for good" : "taken";
    };
    await roundAt(0);
    let batch = await roundAt(patienceMs + 10_000);
    for (let rounds = 0; rounds < 10 && !batch.ready; rounds++) batch = await roundAt(patienceMs + 11_000 + rounds);
    // One more failed when it was drawn.
    expect(batch).toMatchObject({ ready: true, completed: 7, failed: 2 });
    expect(await stored()).toEqual(allOf(9).filter((index) => index !== refused));
    expect(await queue.redis.exists(queue.keys.batchLines(id), queue.keys.batchEnded(id))).toBe(0);
  });

  test.each<[string, (content: string) => Refusal]>([
    ["with all else of that size", (content) => (content.length > 100 ? "for good" : "taken")],
    ["for the moment", (content) => (content.includes('"index":0,') ? "for now" : "taken")],
  ])("%s are waited for without an end", async (_, answer) => {
    const { state, roundAt, stored } = await openEnded(3);
    state.answer = (_key, content) => answer(content);
    for (const minutes of [0, 6, 12, 60, 600]) {
      expect(await roundAt(minutes * 60_000)).toMatchObject({ ready: false, completed: 0, failed: 0 });
    }
    state.answer = () => "taken";
    expect(await roundAt(601 * 60_000)).toMatchObject({ ready: true, completed: 3 });
    expect(await stored()).toEqual(allOf(3));
  });
});
