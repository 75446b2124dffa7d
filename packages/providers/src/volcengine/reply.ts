import { z } from "zod";
import { missingImage } from "../bad-delivery.ts";
import { type ArkError, arkErrorSchema } from "./errors.ts";

const text = z.string().nullish();

const imageSchema = z.object({ b64_json: text, url: text, output_format: text, error: arkErrorSchema.nullish() });
type ArkImage = z.output<typeof imageSchema>;

const replySchema = z.object({ data: z.array(imageSchema).nullish(), error: arkErrorSchema.nullish() });

export type ArkReply =
  | { error: ArkError }
  | {
      error?: undefined;
      sent: { b64_json: string | null | undefined; url: string | null | undefined; claimed: string | undefined };
    };

/**
 * Reads the body of a 200, which may still be an error: for the whole answer or for one of its images. The list has an entry at least.
 * Throws `ProviderError` where it holds neither an image nor an error.
 */
export function parseReply(body: unknown): [ArkReply, ...ArkReply[]] {
  const result = replySchema.safeParse(body);
  if (result.data?.error) return [{ error: result.data.error }];
  const [first, ...others] = (result.data?.data ?? []).map(entryOf);
  if (first === undefined) throw missingImage(result);
  return [first, ...others];
}

const entryOf = ({ error, b64_json, url, output_format }: ArkImage): ArkReply =>
  error ? { error } : { sent: { b64_json, url, claimed: output_format ?? undefined } };
