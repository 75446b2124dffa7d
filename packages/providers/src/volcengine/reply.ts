import { z } from "zod";
import { missingImage } from "../bad-delivery.ts";
import { type ArkError, arkErrorSchema } from "./errors.ts";

const text = z.string().nullish();

const replySchema = z.object({
  data: z
    .array(z.object({ b64_json: text, url: text, output_format: text, error: arkErrorSchema.nullish() }))
    .nullish(),
  error: arkErrorSchema.nullish(),
});

export type ArkReply =
  | { error: ArkError }
  | {
      error?: undefined;
      sent: { b64_json: string | null | undefined; url: string | null | undefined; claimed: string | undefined };
    };

/**
 * Reads the body of a 200, which may still be an error: for the whole answer or for its one image. Throws `ProviderError` where it
 * holds neither an image nor an error.
 */
export function parseReply(body: unknown): ArkReply {
  const result = replySchema.safeParse(body);
  const error = result.data?.error ?? result.data?.data?.[0]?.error;
  if (error) return { error };
  const image = result.data?.data?.[0];
  if (image === undefined) throw missingImage(result);
  return { sent: { b64_json: image.b64_json, url: image.url, claimed: image.output_format ?? undefined } };
}
