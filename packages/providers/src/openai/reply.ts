import type { Usage } from "@darkroom/contracts";
import { z } from "zod";
import { settledWord } from "../read-entries.ts";
import { readUsage } from "../read-usage.ts";

/** What cannot be read is absent: it must not cost the caller an image that is paid for. */
const unread = z.unknown().optional();
const replySchema = z.object({ background: unread, quality: unread, usage: unread, svg_usage: unread }).catch({});

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
  return { background: settledWord(background), quality: settledWord(quality), usage: readUsage(usage), svgUsage };
}
