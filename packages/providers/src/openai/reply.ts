import type { Usage } from "@darkroom/contracts";
import { z } from "zod";
import type { ServerSentEvent } from "../http/post-for-events.ts";
import { missingImage } from "../bad-delivery.ts";
import { readUsage } from "../read-usage.ts";
import type { SentImage } from "../receive-image.ts";

const text = z.string().nullish();

const count = z.int().nonnegative();

const replySchema = z.object({
  data: z.array(z.object({ b64_json: text, url: text, revised_prompt: text, output_format: text })),
  background: text,
  quality: text,
  output_format: text,
  usage: z.unknown().optional(),
  svg_usage: z.unknown().optional(),
});

export type OpenAiReply = {
  images: { sent: SentImage; revisedPrompt: string | undefined }[];
  background: string | undefined;
  quality: string | undefined;
  usage: Usage | undefined;
  /** As it came: who wrote the SVG may only be known from the request. An SVG is never streamed. */
  svgUsage?: unknown;
};

/** Reads the body of a 200: only what is needed, absent and null alike. Throws `ProviderError` where no image is in it. */
export function parseReply(body: unknown): OpenAiReply {
  const result = replySchema.safeParse(body);
  if (!result.success || result.data.data.length === 0) throw missingImage(result);
  const { data, background, quality, output_format: format, usage, svg_usage: svgUsage } = result.data;
  return {
    images: data.map((image) => ({
      sent: { b64_json: image.b64_json, url: image.url, claimed: image.output_format ?? format ?? undefined },
      revisedPrompt: image.revised_prompt ?? undefined,
    })),
    background: settled(background),
    quality: settled(quality),
    usage: readUsage(usage),
    svgUsage,
  };
}

const eventSchema = z.object({
  type: text,
  b64_json: text,
  url: text,
  partial_image_index: count.nullish(),
  background: text,
  quality: text,
  output_format: text,
  usage: z.unknown().optional(),
  error: z.unknown().optional(),
});

export type OpenAiEvent =
  | { kind: "partial"; sent: SentImage; partialIndex: number }
  | { kind: "completed"; reply: OpenAiReply }
  /** `body` is what the body of a refusal would have been. */
  | { kind: "error"; body: unknown }
  | { kind: "end" | "unknown" };

/** Reads one event of a streamed 200. What cannot be read is unknown: if it was an image, that image is missing. */
export function parseEvent({ name, data }: ServerSentEvent): OpenAiEvent {
  if (data === "[DONE]") return { kind: "end" };
  const event = eventSchema.safeParse(jsonOf(data)).data;
  if (event === undefined) return name === "error" ? { kind: "error", body: undefined } : { kind: "unknown" };
  // Servers differ in whether the error stands in the data or is the data; OpenAI's SDKs look for both.
  if (event.error != null) return { kind: "error", body: { error: event.error } };
  if (name === "error") return { kind: "error", body: { error: jsonOf(data) } };
  const { b64_json, url, background, quality, usage } = event;
  const sent = { b64_json, url, claimed: event.output_format ?? undefined };
  switch (event.type ?? name) {
    case "image_generation.partial_image":
      return { kind: "partial", sent, partialIndex: event.partial_image_index ?? 0 };
    case "image_generation.completed":
      return {
        kind: "completed",
        reply: {
          images: [{ sent, revisedPrompt: undefined }],
          background: settled(background),
          quality: settled(quality),
          usage: readUsage(usage),
        },
      };
    default:
      return { kind: "unknown" };
  }
}

function jsonOf(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

/** A value that the upstream has settled. Nothing, an empty word and `auto` say that it does not tell, which must not hide what others tell. */
const settled = (value: string | null | undefined): string | undefined =>
  value && value.toLowerCase() !== "auto" ? value.toLowerCase() : undefined;
