import type { OpenAnswer } from "./exchange.ts";
import { readChunks } from "./read-body.ts";
import type { ReplyImages } from "./reply-images.ts";
import { siftImages } from "./sift-images.ts";

export type OpenText = {
  /** Whether the text is server-sent events, and not one body. */
  isEvents: boolean;
  chunks: AsyncIterable<string>;
};

/** As many bytes as the longest name of a field of an event, and its colon. */
const telling = 6;
/** How a line of an event begins: a field's name, or a comment. */
const beginsEvents = /^(?:data|event|id|retry)?:/;
const beginsJson = /^[{["]/;

/** Of a success, without its images: two SVGs of the largest size that is accepted, and 30 times a usual answer of ten. */
export const maxTextCharacters = 16 * 1024 * 1024;

/**
 * Opens the body of an answer as text, without a byte order mark and without the blanks with which servers keep a connection alive. Its
 * first characters say whether it is events or JSON, and the `Content-Type` where they say neither: servers stream unasked, do not stream
 * though asked, and label either as the other.
 *
 * @param images where the images go that stand in the text, instead of words for them. Left out: the text is as it came.
 */
export async function openText(answer: OpenAnswer, maxBytes: number, images?: ReplyImages): Promise<OpenText> {
  const { headers, body } = answer;
  const bytes = readChunks(body, { maxBytes, encoding: headers["content-encoding"] });
  let head: Buffer = Buffer.alloc(0);
  while (head.length < telling) {
    const { done, value } = await bytes.next();
    if (done === true) break;
    head = withoutBlanks(Buffer.concat([head, value]));
  }
  const isLabelled = /^text\/event-stream\b/i.test(headers["content-type"] ?? "");
  const begins = head.toString("latin1", 0, telling);
  const isEvents = beginsEvents.test(begins) || (isLabelled && !beginsJson.test(begins));
  const all = joined(head, bytes);
  const sifted =
    images && siftImages(all, { images, guest: images.newGuest({ ...answer, call: answer.signal }), isEvents });
  return { isEvents, chunks: decoded(sifted ?? all) };
}

/** Bytes without the blanks of ASCII, and the byte order marks, at their beginning. */
function withoutBlanks(bytes: Buffer): Buffer {
  const [blanks = ""] = /^(?:[\t\n\v\f\r ]|\xEF\xBB\xBF)*/.exec(bytes.toString("latin1")) ?? [];
  return bytes.subarray(blanks.length);
}

async function* decoded(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const utf8 = new TextDecoder();
  for await (const chunk of chunks) yield utf8.decode(chunk, { stream: true });
  yield utf8.decode();
}

async function* joined(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield head;
    yield* rest;
  } finally {
    // Closes the body underneath, where its reader wants no more than the head.
    await rest.return(undefined);
  }
}
