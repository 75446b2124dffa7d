import { ApiError } from "@darkroom/contracts";
import type { FastifyReply } from "fastify";

/** One page of a list, and where to go on from where that is not its first or last entry. */
export type ListPage<Entry extends { id: string }> = {
  data: readonly Entry[];
  hasMore: boolean;
  firstId?: string | null;
  lastId?: string | null;
};

/** Answers with a page of a list, as OpenAI's list object. It is as of now, so no cache may keep it. */
export function sendList<Entry extends { id: string }>(reply: FastifyReply, page: ListPage<Entry>): FastifyReply {
  const { data, hasMore, firstId = data[0]?.id ?? null, lastId = data.at(-1)?.id ?? null } = page;
  return reply
    .header("cache-control", "no-store")
    .send({ object: "list", data, first_id: firstId, last_id: lastId, has_more: hasMore });
}

/** What a caller is told who goes on from an id that is not in the list. `what`: "batch of this id". */
export const unknownCursor = (param: "after" | "before", what: string): ApiError =>
  new ApiError("invalid_request_error", `Invalid '${param}': there is no ${what}, or no longer.`, { param });
