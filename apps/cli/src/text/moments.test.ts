import { expect, test } from "vitest";
import { formatMoment, parseDay, parseDuration, parseMoment } from "./moments.ts";

test.each([
  ["90s", 90],
  ["15m", 900],
  ["24h", 86_400],
  ["30d", 2_592_000],
  ["2w", 1_209_600],
  ["0s", 0],
])("%s are %i seconds", (text, seconds) => expect(parseDuration(text)).toBe(seconds));

test.each(["", "1", "h", "1.5h", "-1h", "1y", "24 h"])("%j is no time", (text) => {
  expect(() => parseDuration(text)).toThrow("A time looks like");
});

test("a day ends with its last second, by UTC", () => {
  expect(formatMoment(parseMoment("2028-02-29"))).toBe("2028-02-29 23:59 UTC");
  expect(parseMoment("2028-02-29") + 1).toBe(Date.parse("2028-03-01T00:00:00Z") / 1000);
});

test("a time is taken with its zone", () => {
  expect(formatMoment(parseMoment("2026-12-31T18:00:00+02:00"))).toBe("2026-12-31 16:00 UTC");
});

test("a duration counts from now", () => {
  const before = Math.floor(Date.now() / 1000);
  expect(parseMoment("30d") - 2_592_000 - before).toBeOneOf([0, 1]);
});

test.each(["2026-02-30", "31.12.2026", "2026-12-31T18:00:00", "soon"])("%j is no moment", (text) => {
  expect(() => parseMoment(text)).toThrow("A moment looks like");
});

test("a day that does not exist is none", () => expect(() => parseDay("2026-02-30")).toThrow("A day looks like"));
