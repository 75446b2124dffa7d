import { expect, test } from "vitest";
import { formatBytes, formatCount, parseBytes, parseRate, parseSeconds, parseShare } from "./quantities.ts";

test.each([
  [parseSeconds, "20", 20],
  [parseSeconds, "1.5s", 1.5],
  [parseSeconds, "30min", 1_800],
  [parseSeconds, "7day", 604_800],
  [parseRate, "3000 / min", 50],
  [parseBytes, "2MB", 2e6],
  [parseBytes, "0.5 GB", 5e8],
  [parseShare, "0%", 0],
  [parseShare, "12.5%", 0.125],
])("%o reads %s", (parse, text, value) => expect(parse(text)).toBeCloseTo(value, 9));

test.each([
  [0.0342, "0.034"],
  [7.3, "7.3"],
  [63, "63"],
  [1_250.4, "1,250"],
  [8_640_000, "8,640,000"],
])("%s is written as %s", (value, text) => expect(formatCount(value)).toBe(text));

test.each([
  [800, "0.8 KB"],
  [850_000, "850 KB"],
  [7.8e9, "7.8 GB"],
  [1.5e15, "1,500 TB"],
])("%s bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
