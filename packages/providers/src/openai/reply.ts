import type { Usage } from "@darkroom/contracts";
import { z } from "zod";
import type { ServerSentEvent } from "../http/post-for-events.ts";
import { missingImage } from "../bad-delivery.ts";
import type { SentImage } from "../receive-image.ts";

const text = z.string().nullish();

/** Ten images have at most ten million tokens. A count above that is none, and must not become a bill. */
const count = z.int().nonnegative().max(10_000_000);

const usageReply = z.object({
  input_tokens: count.nullish(),
  /** What older and compatible servers call it. */
  prompt_tokens: count.nullish(),
  output_tokens: count.nullish(),
  total_tokens: count.nullish(),
  input_tokens_details: z.object({ text_tokens: count, image_tokens: count }).nullish(),
  output_tokens_details: z.object({ text_tokens: count, image_tokens: count }).nullish(),
});

const replySchema = z.object({
  data: z.array(z.object({ b64_json: text, url: text, revised_prompt: text, output_format: text })),
  background: text,
  quality: text,
  output_format: text,
  // Usage that cannot be read is no usage: it must not cost the caller an image that is paid for.
  usage: usageReply.nullish().catch(undefined),
});

export type OpenAiReply = {
  images: { sent: SentImage; revisedPrompt: string | undefined }[];
  background: string | undefined;
  quality: string | undefined;
  usage: Usage | undefined;
};

/** Reads the body of a 200: only what is needed, absent and null alike. Throws `ProviderError` where no image is in it. */
export function parseReply(body: unknown): OpenAiReply {
  const result = replySchema.safeParse(body);
  if (!result.success || result.data.data.length === 0) throw missingImage(result);
  const { data, background, quality, output_format: format, usage } = result.data;
  return {
    images: data.map((image) => ({
      sent: { b64_json: image.b64_json, url: image.url, claimed: image.output_format ?? format ?? undefined },
      revisedPrompt: image.revised_prompt ?? undefined,
    })),
    background: background ?? undefined,
    quality: quality ?? undefined,
    usage: usage ? toUsage(usage) : undefined,
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
  usage: usageReply.nullish().catch(undefined),
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
          background: background ?? undefined,
          quality: quality ?? undefined,
          usage: usage ? toUsage(usage) : undefined,
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

/** A usage that says only half is none: what it leaves out would be billed as nothing. */
function toUsage(usage: z.output<typeof usageReply>): Usage | undefined {
  const input = usage.input_tokens ?? usage.prompt_tokens;
  const details = usage.output_tokens_details;
  const output = usage.output_tokens ?? (details && details.text_tokens + details.image_tokens);
  if (typeof input !== "number" || typeof output !== "number") return undefined;
  return {
    prompt_tokens: input,
    input_tokens: input,
    output_tokens: output,
    total_tokens: usage.total_tokens ?? input + output,
    input_tokens_details: usage.input_tokens_details ?? { text_tokens: input, image_tokens: 0 },
    ...(details && { output_tokens_details: details }),
  };
}
