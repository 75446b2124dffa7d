import { isUnreadableRecord } from "@darkroom/generations";
import { z } from "zod";

/**
 * Whether a webhook failed for what is written in Redis, and not for Redis itself: another release wrote it, or it is damaged. It fails
 * each time until a release that can read it looks at it, while an error of Redis is over when Redis is back.
 */
export function isUnreadable(error: unknown): error is Error {
  if (isUnreadableRecord(error) || error instanceof z.ZodError) return true;
  // A URL that none is.
  return error instanceof Error && "code" in error && error.code === "ERR_INVALID_URL";
}
