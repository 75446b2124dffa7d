import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { barProgress } from "./bar-progress.ts";

const words = "done, 17 failed, 123.4/s, 3h 20m left, $1234.56 so far";

/** What stands on a terminal of so many columns. */
function shownOn(columns: number): string {
  let written = "";
  const write = (chunk: Buffer, _: string, done: () => void) => {
    written += String(chunk);
    done();
  };
  const stream = Object.assign(new Writable({ write }), { isTTY: true, columns });
  const progress = barProgress(stream);
  progress.show({ done: 25_000, total: 50_000, words });
  const shown = stripVTControlCharacters(written);
  progress.stop();
  return shown;
}

test("a wide terminal has a bar and all the words", () => {
  expect(shownOn(120)).toBe(`[============------------] 25000/50000 ${words}`);
});

test("on a usual one the bar makes room for the words", () => {
  expect(shownOn(80)).toMatch(/^\[=+-+\] 25000\/50000 done, .* so far$/);
  expect(shownOn(80).length).toBeLessThanOrEqual(80);
});

test("a narrow one has the weightiest words, and none that is cut off", () => {
  expect(shownOn(70)).toBe(`25000/50000 ${words}`);
  expect(shownOn(40)).toBe("25000/50000 done, 17 failed, 123.4/s");
  expect(shownOn(10)).toBe("25000/50000 done");
});
