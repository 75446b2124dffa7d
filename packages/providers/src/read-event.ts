import { fieldsOf } from "./fields-of.ts";
import { parseJson } from "./http/parse-json.ts";
import type { ServerSentEvent } from "./http/post-for-events.ts";
import { readReason } from "./http/read-reason.ts";
import type { ReplyImages } from "./http/reply-images.ts";
import { readEntries, type ReplyEntry } from "./read-entries.ts";
import type { SentImage } from "./receive-image.ts";

export type ReplyEvent =
  /** An unfinished version. */
  | { kind: "partial"; sent: SentImage; partialIndex: number }
  /** Finished images, or the failure of one. `body` is the whole event, which may say more. */
  | { kind: "images"; entries: ReplyEntry[]; body: unknown }
  /** The whole call failed. `body` is what the body of a refusal would have been. */
  | { kind: "failure"; body: unknown }
  | { kind: "end" | "unknown" };

/**
 * Reads one event of a success: OpenAI's, Ark's, and a whole body that a server puts into one. What cannot be read is unknown: if it was an
 * image, that image is missing.
 *
 * @param replyImages those that were taken out of the text of the events
 */
export function readEvent({ name, data }: ServerSentEvent, replyImages?: ReplyImages): ReplyEvent {
  if (data.trim() === "[DONE]") return { kind: "end" };
  const body = parseJson(data, replyImages);
  if (typeof body !== "object" || body === null) {
    return name === "error" ? { kind: "failure", body: { error: data } } : { kind: "unknown" };
  }
  const fields = fieldsOf(body) ?? {};
  const type = typeof fields["type"] === "string" ? fields["type"] : (name ?? "");
  // Ark's word for an image of a series that failed, beside which others come.
  if (type.endsWith(".partial_failed")) return { kind: "images", entries: [{ failure: body }], body };
  // Servers differ in whether the error stands in the data or is the data; OpenAI's SDKs look for both.
  if (name === "error" || type === "error") return { kind: "failure", body };
  const entries = readEntries(body);
  const [first] = entries;
  if (type.endsWith(".partial_image")) {
    if (first?.sent === undefined) return { kind: "unknown" };
    const partialIndex = fields["partial_image_index"];
    return {
      kind: "partial",
      sent: first.sent,
      partialIndex: Number.isInteger(partialIndex) ? Number(partialIndex) : 0,
    };
  }
  if (first !== undefined) return { kind: "images", entries, body };
  const failed = readReason({ error: fields["error"] }, []) !== undefined;
  return failed ? { kind: "failure", body } : { kind: "unknown" };
}
