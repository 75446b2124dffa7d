import { ApiError } from "@darkroom/contracts";
import type { GenerationRecord } from "@darkroom/queue";
import type { FastifyReply } from "fastify";
import { endingError } from "./ending-error.ts";
import type { SendImages } from "./send-images.ts";

/**
 * Answers with the images of a generation that has ended, in the format that its request asked for. Throws `ApiError` where it ended
 * without, or was lost.
 */
export async function sendEnding(
  reply: FastifyReply,
  ended: GenerationRecord | "gone",
  sendImages: SendImages,
): Promise<FastifyReply> {
  if (ended === "gone") {
    throw new ApiError(
      "overloaded",
      "The queue lost this request before it was begun, and nothing was generated. Send it again.",
      { retryAfterMs: 1_000 },
    );
  }
  if (ended.status !== "succeeded") throw endingError(ended);
  return sendImages(reply, ended, ended.request.response_format ?? "url");
}
