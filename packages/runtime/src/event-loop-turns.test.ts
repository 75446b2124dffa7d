import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createEventLoopTurns } from "./event-loop-turns.ts";

test("what fits into a turn of the event loop begins at once", () => {
  const turns = createEventLoopTurns(3);
  const begun: number[] = [];
  for (let i = 0; i < 3; i++) turns.take(() => begun.push(i));
  expect(begun).toEqual([0, 1, 2]);
});

test("the others begin in later turns, in their order, so many in each", async () => {
  const turns = createEventLoopTurns(3);
  const begun: number[] = [];
  for (let i = 0; i < 8; i++) turns.take(() => begun.push(i));
  expect(begun).toEqual([0, 1, 2]);
  await nextTurn();
  expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
  await nextTurn();
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test("what comes while others wait begins after them", async () => {
  const turns = createEventLoopTurns(1);
  const begun: string[] = [];
  turns.take(() => {
    begun.push("first");
    turns.take(() => begun.push("third"));
  });
  turns.take(() => begun.push("second"));
  while (begun.length < 3) await nextTurn();
  expect(begun).toEqual(["first", "third", "second"]);
});

test("a turn of the event loop in which nothing waits is not remembered", async () => {
  const turns = createEventLoopTurns(1);
  const begun: number[] = [];
  turns.take(() => begun.push(0));
  await nextTurn();
  await nextTurn();
  turns.take(() => begun.push(1));
  expect(begun).toEqual([0, 1]);
});
