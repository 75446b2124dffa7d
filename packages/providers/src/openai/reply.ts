import type { Usage } from "@darkroom/contracts";
import { z } from "zod";
import { readUsage } from "../read-usage.ts";

/**
 * What cannot be read is absent: it must not cost the caller an image that is paid for. What is longer than any word is absent, too: it
 * would be kept in Redis with the record.
 */
const word = z.string().max(128).optional().catch(undefined);
const replySchema = z
  .object({ background: word, quality: word, usage: z.unknown().optional(), svg_usage: z.unknown().optional() })
  .catch({});

export type OpenAiReply = {
  background: string | undefined;
  quality: string | undefined;
  usage: Usage | undefined;
  /** As it came: who wrote the SVG may only be known from the request. An SVG is never streamed. */
  svgUsage: unknown;
};

/** Reads what an answer says beside its images, in its body or in the event of an image. */
export function parseReply(body: unknown): OpenAiReply {
  const { background, quality, usage, svg_usage: svgUsage } = replySchema.parse(body);
  return { background: settled(background), quality: settled(quality), usage: readUsage(usage), svgUsage };
}

/** A value that the upstream has settled. Nothing, an empty word and `auto` say that it does not tell, which must not hide what others tell. */
const settled = (value: string | undefined): string | undefined =>
  value && value.toLowerCase() !== "auto" ? value.toLowerCase() : undefined;
