import { isUtf8 } from "node:buffer";

/** A line of a file, counted from 1: its text without the line end, or why it has none. */
export type InputLine =
  | { number: number; text: string }
  | { number: number; wrong: "line_too_long" | "invalid_encoding" };

const newline = 0x0a;
const carriageReturn = 0x0d;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
/** What a line may have beside its text: a byte order mark before it, a carriage return behind. */
const aroundBytes = byteOrderMark.length + 1;

/**
 * Splits bytes into lines, which end with LF, CRLF or the file. A byte order mark at the start is skipped. A line of more than `maxBytes`
 * is skipped without being held, so memory stays at one line and one chunk whatever the file has.
 */
export async function* readLines(input: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<InputLine> {
  let parts: Buffer[] = [];
  let bytes = 0;
  let number = 0;

  const take = (part: Buffer) => {
    bytes += part.length;
    if (bytes > maxBytes + aroundBytes) parts = [];
    else parts.push(part);
  };
  const end = (): InputLine => {
    number++;
    const line =
      bytes > maxBytes + aroundBytes
        ? ({ number, wrong: "line_too_long" } as const)
        : readLine(number, parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts), maxBytes);
    parts = [];
    bytes = 0;
    return line;
  };

  for await (const chunk of input) {
    let start = 0;
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, start)) {
      take(chunk.subarray(start, at));
      start = at + 1;
      yield end();
    }
    if (start < chunk.length) take(chunk.subarray(start));
  }
  if (bytes > 0) yield end();
}

function readLine(number: number, bytes: Buffer, maxBytes: number): InputLine {
  const marked = number === 1 && bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark);
  const text = bytes.subarray(marked ? byteOrderMark.length : 0, bytes.at(-1) === carriageReturn ? -1 : undefined);
  if (text.length > maxBytes) return { number, wrong: "line_too_long" };
  if (!isUtf8(text)) return { number, wrong: "invalid_encoding" };
  return { number, text: text.toString("utf8") };
}
