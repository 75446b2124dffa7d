import * as fc from "fast-check";
import { expect, test } from "vitest";
import { printable, printableJson, printableLines } from "./printable.ts";

/** What a terminal obeys, and what ends a line. */
const obeyed = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

test.each([
  ["an escape that sets the clipboard", "a\u001b]52;c;ZXZpbA==\u0007b", "a\ufffd]52;c;ZXZpbA==\ufffdb"],
  ["its form in one byte", "a\u009b2Jb", "a\ufffd2Jb"],
  ["a line that is forged", "a\r\nDarkroom is ready.", "a Darkroom is ready."],
  ["line breaks of Unicode", "a\u2028b\u2029c\u0085d", "a b c d"],
  ["text that runs backwards", "a\u202egnp.exe\u2066b\u200f", "a\ufffdgnp.exe\ufffdb\ufffd"],
])("%s does nothing", (_what, text, shown) => {
  expect(printable(text)).toBe(shown);
});

test("letters of every script, accents and emoji stay", () => {
  const text = "Größe – 漢字 עברית العربية 👩‍🎨 naïve";
  expect(printable(text)).toBe(text);
});

test("no text keeps anything that a terminal obeys", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(printable(text)).not.toMatch(obeyed);
      expect(printableLines(text).replaceAll("\n", "")).not.toMatch(obeyed);
    }),
  );
});

test("JSON keeps its values", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const json = printableJson(JSON.stringify({ [text]: text }));
      expect(json).not.toMatch(obeyed);
      expect(JSON.parse(json)).toEqual({ [text]: text });
    }),
  );
});
