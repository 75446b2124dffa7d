import type { OpenAnswer } from "./exchange.ts";
import { readChunks } from "./read-body.ts";

export type OpenText = {
  /** Whether the text is server-sent events, and not one body. */
  isEvents: boolean;
  chunks: AsyncIterable<string>;
};

/** As many characters as the longest name of a field of an event, and its colon. */
const telling = 6;
/** How a line of an event begins: a field's name, or a comment. */
const beginsEvents = /^(?:data|event|id|retry)?:/;
const beginsJson = /^[{["]/;

/**
 * Opens the body of an answer as text, without a byte order mark and without the blanks with which servers keep a connection alive. Its
 * first characters say whether it is events or JSON, and the `Content-Type` where they say neither: servers stream unasked, do not stream
 * though asked, and label either as the other.
 */
export async function openText({ headers, body }: OpenAnswer, maxBytes: number): Promise<OpenText> {
  const chunks = decoded(readChunks(body, { maxBytes, encoding: headers["content-encoding"] }));
  let head = "";
  while (head.length < telling) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    // `trimStart` takes byte order marks, too.
    head = (head + value).trimStart();
  }
  const isLabelled = /^text\/event-stream\b/i.test(headers["content-type"] ?? "");
  return { isEvents: beginsEvents.test(head) || (isLabelled && !beginsJson.test(head)), chunks: joined(head, chunks) };
}

async function* decoded(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const utf8 = new TextDecoder();
  for await (const chunk of chunks) yield utf8.decode(chunk, { stream: true });
  yield utf8.decode();
}

async function* joined(head: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    yield head;
    yield* rest;
  } finally {
    // Closes the body underneath, where its reader wants no more than the head.
    await rest.return(undefined);
  }
}
