const quote = 0x22;
const backslash = 0x5c;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const noBytes: Buffer = Buffer.alloc(0);
/** `\u002b`, the longest escape. */
const longestEscape = 6;

/** The content of a string, or of a part of it, within a chunk: from `from` to before `to`. */
export type StringPart = {
  from: number;
  to: number;
  /** What ends the string. Undefined where it goes on in the next chunk. */
  end: "quote" | "line break" | undefined;
};

export type JsonStringsOptions = {
  /** The text is server-sent events: a line break ends a string, which only a line that is no JSON can have begun. */
  isEvents: boolean;
};

/**
 * Finds the long strings in JSON that comes in chunks. Nothing else of JSON has to be known for that but quotes and backslashes, and both are searched
 * for with `Buffer.indexOf`. An escape is never cut: the beginning of one moves from the end of a chunk to the next.
 *
 * @param shortest strings that stand in one chunk and have fewer bytes are passed over: a reply may have millions of them
 */
export function createJsonStrings(shortest: number, { isEvents }: JsonStringsOptions) {
  let isInString = false;
  let cut = noBytes;

  return {
    /** A chunk with what the last one has left over. */
    joined(chunk: Buffer): Buffer {
      return cut.length === 0 ? chunk : Buffer.concat([cut, chunk]);
    },

    /** The parts of long strings in a joined chunk, in their order. Read all of them before the next chunk. */
    *partsIn(bytes: Buffer): Generator<StringPart> {
      const endOfLine = createLineSearch(bytes, isEvents);
      let beginsHere = false;
      cut = noBytes;
      for (let at = 0; at < bytes.length;) {
        if (!isInString) {
          const begin = bytes.indexOf(quote, at);
          if (begin === -1) return;
          isInString = beginsHere = true;
          at = begin + 1;
          continue;
        }
        const end = endOfString(bytes, at, endOfLine(at));
        if (end === -1) {
          const to = bytes.length - cutEscape(bytes, at);
          cut = bytes.subarray(to);
          yield { from: at, to, end: undefined };
          return;
        }
        isInString = false;
        if (!beginsHere || end - at >= shortest)
          yield { from: at, to: end, end: bytes[end] === quote ? "quote" : "line break" };
        at = end + 1;
      }
    },

    /** The beginning of an escape that the last chunk has left over. */
    leftOver: (): Buffer => cut,
  };
}

/** Where a string ends that is read from `from`, or the line it stands in; -1 where it goes on in the next chunk. */
function endOfString(bytes: Buffer, from: number, endOfLine: number): number {
  let end = bytes.indexOf(quote, from);
  while (end !== -1 && isOdd(backslashesBefore(bytes, end, from))) end = bytes.indexOf(quote, end + 1);
  return endOfLine !== -1 && (end === -1 || endOfLine < end) ? endOfLine : end;
}

/** Finds the next line break, and does not look twice at the same bytes. Answers -1 where there is none, or none counts. */
function createLineSearch(bytes: Buffer, isEvents: boolean): (from: number) => number {
  if (!isEvents) return () => -1;
  const next = [lineFeed, carriageReturn].map((character) => ({ character, at: -1, isLast: false }));
  return (from) => {
    for (const one of next) {
      if (one.at >= from || one.isLast) continue;
      one.at = bytes.indexOf(one.character, from);
      one.isLast = one.at === -1;
    }
    const found = next.map(({ at }) => at).filter((at) => at >= from);
    return found.length === 0 ? -1 : Math.min(...found);
  };
}

/** How many of the last bytes are the beginning of an escape, in a string that is read from `from`. */
export function cutEscape(bytes: Buffer, from: number): number {
  const last = bytes.lastIndexOf(backslash);
  const length = bytes.length - last;
  if (last < from || length >= longestEscape || isOdd(backslashesBefore(bytes, last, from))) return 0;
  return length === 1 || bytes[last + 1] === 0x75 ? length : 0;
}

function backslashesBefore(bytes: Buffer, at: number, from: number): number {
  let first = at;
  while (first > from && bytes[first - 1] === backslash) first--;
  return at - first;
}

const isOdd = (number: number): boolean => number % 2 === 1;

/** A part of a string of JSON without its escapes. Some servers escape the slash of base64, others the plus. */
export function unescaped(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  return text.includes("\\") ? text.replace(/\\(?:u([\da-f]{4})|([^]))/gi, unescapedOne) : text;
}

function unescapedOne(_escape: string, code: string | undefined, character: string): string {
  if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
  // A line break, most often, which base64 may have; and a letter that no escape may be taken for.
  return character === "/" ? "/" : "\n";
}
