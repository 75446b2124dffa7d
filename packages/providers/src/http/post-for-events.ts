import { createParser } from "eventsource-parser";
import { exchange, type ExchangeLimits, type JsonPost, type OpenAnswer } from "./exchange.ts";
import { type JsonAnswer, readJsonAnswer } from "./post-json.ts";
import { readChunks } from "./read-body.ts";

export type ServerSentEvent = { name: string | undefined; data: string };

/** `streamed`: the answer came as events, and its reader has seen them. Else it is an answer like any other. */
export type EventsAnswer =
  | { ok: true; streamed: true; requestId: string | undefined }
  | (JsonAnswer & { streamed: false });

/** A stream carries an image four times at most: three partial ones and the finished one. */
const imagesPerImage = 4;

/**
 * Posts JSON once and hands on the server-sent events that come back, as they come. A server that does not stream and answers with
 * JSON is read as `postJson` reads it. Throws as that does; what `onEvent` throws ends the reading.
 *
 * @param onEvent returns false when it wants no more events
 */
export const postForEvents = (
  post: JsonPost,
  limits: ExchangeLimits,
  onEvent: (event: ServerSentEvent) => boolean,
): Promise<EventsAnswer> =>
  exchange(post, limits, "text/event-stream, application/json", async (answer) => {
    const isStream = /^text\/event-stream\b/i.test(answer.headers["content-type"] ?? "");
    if (!isStream || answer.status < 200 || answer.status > 299) {
      return { ...(await readJsonAnswer(answer, limits)), streamed: false };
    }
    await readEvents(answer, limits.maxBytes * imagesPerImage, onEvent);
    return { ok: true, streamed: true, requestId: answer.headers["x-request-id"] };
  });

async function readEvents(
  { body }: OpenAnswer,
  maxBytes: number,
  onEvent: (event: ServerSentEvent) => boolean,
): Promise<void> {
  let wanted = true;
  const parser = createParser({
    onEvent: ({ event, data }) => {
      wanted &&= onEvent({ name: event, data });
    },
  });
  const utf8 = new TextDecoder();
  // Leaving the loop destroys the body, and with it the socket.
  for await (const chunk of readChunks(body, maxBytes)) {
    parser.feed(utf8.decode(chunk, { stream: true }));
    if (!wanted) return;
  }
}
