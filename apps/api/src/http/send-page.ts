import { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { Page, UnreadableRecord } from "@darkroom/redis";
import type { FastifyReply } from "fastify";
import { z } from "zod";

/** How many ids are remembered as logged. After so many they are dropped, and may be logged again. */
const maxNoted = 1_000;

/**
 * Returns the function that answers with a page of a list, as OpenAI's list object. `data` shows the records of the page, newest first
 * where it was read `towards` the newest, too. Records that this release cannot read are not in it; each is logged once.
 */
export function createSendPage({ log }: { log: Logger }) {
  const noted = new Set<string>();

  function note({ id, error }: UnreadableRecord): void {
    if (noted.has(id)) return;
    if (noted.size >= maxNoted) noted.clear();
    noted.add(id);
    log.warn({ recordId: id, err: error }, "A record cannot be read by this release and is left out of lists");
  }

  return (
    reply: FastifyReply,
    { cursor, hasMore, unreadable, bytes }: Page<unknown>,
    data: readonly { id: string }[],
    towards: "oldest" | "newest" = "oldest",
  ): FastifyReply => {
    for (const record of unreadable) note(record);
    reply.request.facts.readBytes = bytes;
    // A page may end with entries that are not shown. The next page begins where reading ended.
    const first = hasMore && towards === "newest" ? cursor : (data[0]?.id ?? null);
    const last = hasMore && towards === "oldest" ? cursor : (data.at(-1)?.id ?? null);
    // It is the current state, so no cache may keep it.
    reply.header("cache-control", "no-store");
    return reply.send({ object: "list", data, first_id: first, last_id: last, has_more: hasMore });
  };
}

export type SendPage = ReturnType<typeof createSendPage>;

/** The error for a caller that continues from an id that is not in the list. `what`: "batch of this id". */
export const unknownCursor = (param: "after" | "before", what: string): ApiError =>
  new ApiError("invalid_request_error", `Invalid '${param}': there is no ${what}, or no longer.`, { param });

/** `limit` of a list, as a query parameter: OpenAI's 1 to 100, 20 when left out. */
export const limitSchema = z
  .string()
  .regex(/^\d+$/, "must be a whole number from 1 to 100")
  .transform(Number)
  .pipe(z.int().min(1).max(100))
  .default(20);
