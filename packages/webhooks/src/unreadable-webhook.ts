import { UnreadableRecord } from "@darkroom/generations";
import { isDamage } from "@darkroom/redis";
import { z } from "zod";

/**
 * Whether a webhook failed for what is written in Redis, and not for Redis itself: another release wrote it, or it is damaged. It fails
 * each time until a release that can read it looks at it, while an error of Redis is over when Redis is back.
 */
export function isUnreadable(error: unknown): error is Error {
  if (error instanceof UnreadableRecord || error instanceof z.ZodError) return true;
  // What is stored under the name, and a URL that none is.
  return isDamage(error) || (error instanceof Error && "code" in error && error.code === "ERR_INVALID_URL");
}
