import { endedEarly, nothingSent } from "./bad-delivery.ts";
import type { JsonPost } from "./http/exchange.ts";
import type { HttpClient } from "./http/http-client.ts";
import { judgeEvent, judgeRefusal } from "./http/judge-refusal.ts";
import type { ServerSentEvent } from "./http/post-for-events.ts";
import { readReason } from "./http/read-reason.ts";
import type { ReplyImages } from "./http/reply-images.ts";
import { ProviderError } from "./provider-error.ts";
import { collectEntries, hasAny, readEntries, type ReplyEntry } from "./read-entries.ts";
import { readEvent } from "./read-event.ts";
import type { SentImage } from "./receive-image.ts";

export type Question = {
  http: HttpClient;
  post: Omit<JsonPost, "accept">;
  /** How many images are asked for. */
  wanted: number;
  /** What must not be repeated in errors: the key, the prompt. */
  secrets: readonly string[];
  /** Takes the images out of the answer. The caller discards it when it has received those that it wants. */
  replyImages: ReplyImages;
  /** Takes an unfinished version, or returns false. Left out: one body is asked for, and events are read all the same. */
  onPartial?: ((sent: SentImage, partialIndex: number) => boolean) | undefined;
};

/** An image that was asked for, or why there is none. */
export type AnsweredImage =
  | { sent: SentImage; revisedPrompt: string | undefined; quality: string | undefined }
  | { sent?: undefined; error: ProviderError };

export type ImagesAnswer = {
  /** At most as many as were asked for. Fewer, where the upstream said nothing of the others. */
  images: AnsweredImage[];
  /** Why images that were asked for are not there, where the stream broke. */
  failure?: ProviderError;
  /** How many images the upstream sent: also those that no request asked for. */
  drawn: number;
  /** What the upstream said beside the images: one body, or the events that had an image. */
  bodies: unknown[];
};

/**
 * Asks an upstream of OpenAI's or Ark's wire format for images, once, and reads whatever it answers: one body or events, whichever was
 * asked for. An image is there or has an error of its own. Throws `ProviderError` where the call failed as a whole, and the signal's reason.
 */
export async function askForImages(question: Question): Promise<ImagesAnswer> {
  const { http, post, wanted, secrets, replyImages, onPartial } = question;
  const entries = collectEntries(wanted);
  const bodies: unknown[] = [];
  /** Whether anything of an image has come. */
  let hasBegun = false;

  /** Returns whether there is more to come. */
  function take(received: ServerSentEvent): boolean {
    const event = readEvent(received, replyImages);
    if (event.kind === "failure") throw judgeEvent(event.body, secrets, hasBegun);
    hasBegun ||= event.kind === "partial" || event.kind === "images";
    let isWanted = event.kind === "partial" && onPartial?.(event.sent, event.partialIndex) === true;
    if (event.kind === "images") {
      entries.add(event.entries);
      isWanted = event.entries.some(({ sent }) => sent);
      if (isWanted) bodies.push(event.body);
    }
    // Some servers send a version of every step, unasked. All of them together must leave room for the image.
    if (!isWanted) replyImages.forget(received.data);
    return event.kind !== "end" && entries.drawn() < wanted;
  }

  /** An image among several that failed: its reason counts as that of a whole answer would. */
  function answered(entry: ReplyEntry, facts: { requestId?: string | undefined; retryAfterMs?: number | undefined }) {
    if (entry.sent !== undefined) return entry;
    const { requestId, retryAfterMs } = facts;
    const isTold = readReason(entry.failure, secrets) !== undefined;
    const answer = { status: 200, body: entry.failure, requestId, retryAfterMs };
    return { error: isTold ? judgeRefusal(answer, secrets) : nothingSent() };
  }

  try {
    const accept = onPartial === undefined ? "application/json" : undefined;
    const answer = await http.postForEvents({ ...post, accept }, { onEvent: take, images: replyImages });
    if (!answer.streamed) {
      if (!answer.ok) throw judgeRefusal(answer, secrets);
      const found = readEntries(answer.body);
      if (!hasAny(found)) throw judgeRefusal(answer, secrets);
      entries.add(found);
      bodies.push(answer.body);
    }
    if (entries.isEmpty()) throw endedEarly(answer.requestId);
    return { images: entries.fitting().map((entry) => answered(entry, answer)), drawn: entries.drawn(), bodies };
  } catch (error) {
    // What had come before the stream broke is paid for, and delivered.
    if (!(error instanceof ProviderError) || entries.drawn() === 0) throw error;
    const images = entries.fitting().map((entry) => answered(entry, {}));
    return { images, drawn: entries.drawn(), bodies, failure: error };
  }
}
