import { Readable } from "node:stream";
import { ApiError, type ImageResponse } from "@darkroom/contracts";
import { type GenerationRecord, endingError, lostError } from "@darkroom/generations";
import type { FastifyReply } from "fastify";
import type { FollowedAnswer } from "./follow-answer.ts";
import type { ImagesBody } from "./images-body.ts";

/**
 * The body for a caller whose generation has ended: its images, in the format that its request asked for. Throws `ApiError` where it ended
 * without images, was lost, or its images cannot be read.
 */
export async function endingBody(
  ended: GenerationRecord | "gone",
  answer: FollowedAnswer,
  imagesBody: ImagesBody,
): Promise<ImageResponse | Readable> {
  if (ended === "gone") throw lostError();
  if (ended.status !== "succeeded") throw endingError(ended);
  try {
    return await imagesBody(ended);
  } catch (error) {
    await leaveUnread(answer, error);
    throw error;
  }
}

/** Lets an equal request find a generation whose images could not be sent. */
export async function leaveUnread(answer: FollowedAnswer, error: unknown): Promise<void> {
  if (!(error instanceof ApiError && error.code === "images_gone")) await answer.leave("later");
}

/** Answers with this body, the cost and the number of missing images. Throws as `endingBody` does. */
export async function sendEnding(
  reply: FastifyReply,
  ended: GenerationRecord | "gone",
  answer: FollowedAnswer,
  imagesBody: ImagesBody,
): Promise<FastifyReply> {
  if (ended !== "gone") reply.headers(endingHeaders(ended));
  const body = await endingBody(ended, answer, imagesBody);
  return reply.type("application/json; charset=utf-8").send(body);
}

const endingHeaders = ({ costMicros, status, missing }: GenerationRecord) => ({
  ...(costMicros !== null && { "x-generation-cost": String(costMicros) }),
  ...(status === "succeeded" && missing.length > 0 && { "x-generation-missing-images": String(missing.length) }),
});
