import type { GenerationRecord } from "@darkroom/queue";
import type { FastifyReply } from "fastify";
import { endingError, lostError } from "@darkroom/rendering";
import type { FollowedAnswer } from "./follow-answer.ts";
import type { SendImages } from "./send-images.ts";

/**
 * Answers with the images of a generation that has ended, in the format that its request asked for, with what they cost and how many
 * are missing. Throws `ApiError` where it ended without, or was lost.
 */
export async function sendEnding(
  reply: FastifyReply,
  ended: GenerationRecord | "gone",
  answer: FollowedAnswer,
  sendImages: SendImages,
): Promise<FastifyReply> {
  if (ended === "gone") throw lostError();
  if (ended.costMicros !== null) reply.header("x-generation-cost", String(ended.costMicros));
  if (ended.status !== "succeeded") throw endingError(ended);
  if (ended.missing.length > 0) reply.header("x-generation-missing-images", String(ended.missing.length));
  try {
    return await sendImages(reply, ended);
  } catch (error) {
    // Its images are there, and the same request sent again may be given them.
    await answer.leave("later");
    throw error;
  }
}
