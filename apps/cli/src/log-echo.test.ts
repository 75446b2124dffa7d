import { expect, onTestFinished, test, vi } from "vitest";
import { holdLines } from "./log-echo.ts";

function hold() {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const said: string[] = [];
  return { said, lines: holdLines((line) => said.push(line)) };
}

test("lines are held until they are released, however long the processes take to load", () => {
  const { said, lines } = hold();
  lines.say("a warning");
  vi.advanceTimersByTime(3_600_000);
  expect(said).toEqual([]);
  lines.release();
  lines.say("another");
  expect(said).toEqual(["a warning", "another"]);
});

test("lines are told ten seconds after a process answered that it is not ready, and no later because it answers so again", () => {
  const { said, lines } = hold();
  lines.say("Redis has no memory left");
  lines.answeredNotReady();
  vi.advanceTimersByTime(9_000);
  lines.answeredNotReady();
  expect(said).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(said).toEqual(["Redis has no memory left"]);
});
