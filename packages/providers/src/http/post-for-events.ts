import { createParser } from "eventsource-parser";
import { exchange, type ExchangeLimits, type JsonPost } from "./exchange.ts";
import { maxTextCharacters, openText } from "./open-text.ts";
import { BodyTooLargeError } from "./read-body.ts";
import type { ReplyImages } from "./reply-images.ts";
import { factsOf, isSuccess, type JsonAnswer, readJsonAnswer, type UpstreamSuccess } from "./post-json.ts";

export type ServerSentEvent = { name: string | undefined; data: string };

/** `streamed`: the answer came as events, and its reader has seen them. Else it is an answer like any other. */
export type EventsAnswer = (Omit<UpstreamSuccess, "body"> & { streamed: true }) | (JsonAnswer & { streamed: false });

/**
 * Three images with each three versions have some sixty lines, and a comment a second keeps a connection alive for as long as a call may take.
 * As many as this are read in a tenth of a second.
 */
const maxLines = 400_000;

/** A stream carries an image four times at most: three partial ones and the finished one. */
const imagesPerImage = 4;

export type EventsReader = {
  /** Takes each event, and returns false when it wants no more. */
  onEvent: (event: ServerSentEvent) => boolean;
  /** Takes the images out of the answer. Its reader owns them, also when the answer breaks off. */
  images: ReplyImages;
};

/**
 * Posts JSON once and hands on the server-sent events that come back, as they come, those that no request asked for as well. A server that
 * answers with one body is read as `postJson` reads it. Throws as that does; what `onEvent` throws ends the reading.
 */
export const postForEvents = (
  post: JsonPost,
  limits: ExchangeLimits,
  { onEvent, images }: EventsReader,
): Promise<EventsAnswer> =>
  exchange(post, limits, "text/event-stream, application/json", async (answer) => {
    const ofSuccess = isSuccess(answer) ? images : undefined;
    const text = await openText(answer, limits.maxBytes * imagesPerImage, ofSuccess);
    if (!text.isEvents || !isSuccess(answer)) {
      return { ...(await readJsonAnswer(answer, text.chunks, { ...limits, images })), streamed: false };
    }
    await readEvents(text.chunks, onEvent);
    return { ok: true, ...factsOf(answer, limits.now()), streamed: true };
  });

async function readEvents(chunks: AsyncIterable<string>, onEvent: (event: ServerSentEvent) => boolean): Promise<void> {
  let wanted = true;
  let lines = 0;
  let characters = 0;
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (!wanted) return;
      // Where it throws, it wants no more.
      wanted = false;
      wanted = onEvent({ name: event, data });
    },
  });
  /** Servers leave out the blank line after their last event, and what came whole before a connection broke is paid for. */
  const end = () => parser.feed("\n\n");
  try {
    // Leaving the loop destroys the body, and with it the socket.
    for await (const chunk of chunks) {
      lines += chunk.match(/[\r\n]/g)?.length ?? 0;
      characters += chunk.length;
      if (lines > maxLines) throw new BodyTooLargeError(`The stream has more than ${maxLines} lines.`);
      if (characters > maxTextCharacters)
        throw new BodyTooLargeError(`The stream has more than ${maxTextCharacters} characters beside its images.`);
      parser.feed(chunk);
      if (!wanted) return;
    }
  } catch (error) {
    end();
    throw error;
  }
  end();
}
