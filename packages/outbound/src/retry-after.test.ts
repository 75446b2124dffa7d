import { expect, test } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

const now = Date.parse("2026-11-22T10:00:00Z");

test.each([
  [{ "retry-after": "7" }, 7000],
  [{ "retry-after": "0.5" }, 500],
  [{ "retry-after": "0" }, 0],
  [{ "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT" }, 30_000],
  [{ "retry-after": "Sun, 22 Nov 2026 09:00:00 GMT" }, 0],
  [{ "retry-after": "Sun, 22 Nov 2026 10:10:30 GMT", date: "Sun, 22 Nov 2026 10:10:00 GMT" }, 30_000],
  [{ "retry-after": "Sun, 22 Nov 2026 09:50:30 GMT", date: "Sun, 22 Nov 2026 09:50:00 GMT" }, 30_000],
  [{ "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT", date: "today" }, 30_000],
  [{ "retry-after": "Sunday, 22-Nov-26 10:00:30 GMT" }, 30_000],
  [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
  [{ "retry-after": "99999999999999999999" }, 3_600_000],
  [{ "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT" }, 3_600_000],
  [{ "retry-after": "-1" }, undefined],
  [{ "retry-after": "soon" }, undefined],
  [{ "retry-after": "banana 7" }, undefined],
  [{ "retry-after": "" }, undefined],
  [{}, undefined],
])("%j is %s ms", (headers, expected) => {
  expect(retryAfterMs(headers, now)).toBe(expected);
});

test("a server that may ask for more than an hour may ask for more than an hour", () => {
  expect(retryAfterMs({ "retry-after": "7200" }, now, 86_400_000)).toBe(7_200_000);
  expect(retryAfterMs({ "retry-after": "172800" }, now, 86_400_000)).toBe(86_400_000);
});
