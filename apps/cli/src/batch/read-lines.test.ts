import { expect, test } from "vitest";
import { readLines } from "./read-lines.ts";

/** The lines of a text that comes in pieces of so many bytes. */
async function linesOf(text: string, size: number): Promise<string[]> {
  const bytes = Buffer.from(text);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const lines: string[] = [];
  for await (const line of readLines(pieces())) lines.push(line.toString());
  return lines;
}

test.each([1, 2, 3, 100])("lines end at line feeds alone, wherever the pieces of %i bytes end", async (size) => {
  expect(await linesOf("a\u2028b\n\n猫\r\nlast", size)).toEqual(["a\u2028b", "", "猫\r", "last"]);
  expect(await linesOf("a\n", size)).toEqual(["a"]);
  expect(await linesOf("", size)).toEqual([]);
});
