import { array, assert, asyncProperty, constantFrom, integer, oneof, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { type InputLine, readLines } from "./read-lines.ts";

const maxBytes = 8;
const mark = [0xef, 0xbb, 0xbf];

async function read(bytes: Uint8Array, sizes: readonly number[] = [bytes.length]): Promise<InputLine[]> {
  async function* chunks() {
    let from = 0;
    for (let i = 0; from < bytes.length; i++) {
      const size = Math.max(1, sizes[i % sizes.length] ?? 1);
      yield Buffer.from(bytes.subarray(from, from + size));
      from += size;
    }
  }
  const lines: InputLine[] = [];
  for await (const line of readLines(chunks(), maxBytes)) lines.push(line);
  return lines;
}

/** The same with the whole file in hand. */
function naive(bytes: Uint8Array): InputLine[] {
  const file = Buffer.from(bytes).toString("latin1");
  const lines = file.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, i) => {
    const number = i + 1;
    const unmarked = i === 0 && line.startsWith("\u00ef\u00bb\u00bf") ? line.slice(3) : line;
    const content = Buffer.from(unmarked.replace(/\r$/, ""), "latin1");
    if (content.length > maxBytes) return { number, wrong: "line_too_long" };
    try {
      return { number, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content) };
    } catch {
      return { number, wrong: "invalid_encoding" };
    }
  });
}

test("a file in any chunks has the lines that it has in one piece", async () => {
  const piece = oneof(
    constantFrom([0x0a], [0x0d], [0x0d, 0x0a], mark, [...Buffer.from("é🐈")], [...Buffer.from("{}")]),
    array(integer({ min: 0, max: 255 }), { maxLength: 12 }),
  );
  const file = tuple(constantFrom([], mark), array(piece, { maxLength: 20 })).map((parts) => parts.flat(2));
  const sizes = array(integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 6 });
  await assert(
    asyncProperty(file, sizes, async (content, chunkSizes) => {
      const bytes = Uint8Array.from(content);
      expect(await read(bytes, chunkSizes)).toEqual(naive(bytes));
    }),
    { numRuns: 2_000 },
  );
});

describe("a line", () => {
  test.each([
    ["ends with LF", "a\nb\n"],
    ["ends with CRLF", "a\r\nb\r\n"],
    ["ends with the file", "a\nb"],
    ["comes after a byte order mark", "\ufeffa\nb"],
  ])("%s", async (_, file) => {
    expect(await read(Buffer.from(file))).toEqual([
      { number: 1, text: "a" },
      { number: 2, text: "b" },
    ]);
  });

  test("may be as long as the limit, whatever is around it", async () => {
    const [line] = await read(Buffer.from("\ufeff12345678\r\n"), [1]);
    expect(line).toEqual({ number: 1, text: "12345678" });
  });

  test("that is longer is passed over, and the next one is read", async () => {
    expect(await read(Buffer.from(`123456789\n${"x".repeat(1_000)}\nok`), [3])).toEqual([
      { number: 1, wrong: "line_too_long" },
      { number: 2, wrong: "line_too_long" },
      { number: 3, text: "ok" },
    ]);
  });
});
