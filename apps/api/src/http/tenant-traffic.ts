import type { TenantAmounts } from "@darkroom/runtime";
import type { FastifyReply, FastifyRequest } from "fastify";
import { createRecentAmounts } from "./recent-amounts.ts";

/** Whom a request is counted for: one without a key is for a link, say. No tenant can have the names in parentheses. */
const nameOf = ({ account, admin }: TrafficRequest["facts"]): string =>
  account?.tenant ?? (admin === true ? "(admin)" : "(none)");

type TrafficRequest = Pick<FastifyRequest, "facts"> & { raw: Pick<FastifyRequest["raw"], "socket"> };
type Answer = { request: TrafficRequest; countedBytes: number };

/**
 * Counts what lists read and what answers send by tenant, over the last minute. Requests of one connection are under way one at a time, so all that
 * it sends meanwhile is of one tenant. An answer that takes long, such as an event stream or a large file, is counted as it is sent.
 *
 * @param now milliseconds from any beginning, never back
 */
export function createTenantTraffic(now?: () => number) {
  const sent = createRecentAmounts(now);
  const read = createRecentAmounts(now);
  const answers = new Set<Answer>();

  function countSent(answer: Answer): void {
    const { facts, raw } = answer.request;
    const bytes = raw.socket.bytesWritten - answer.countedBytes;
    answer.countedBytes += bytes;
    sent.add(nameOf(facts), bytes);
  }

  return {
    /** Counts a request until its answer is out or its client has gone. */
    follow(request: TrafficRequest, { raw }: { raw: Pick<FastifyReply["raw"], "once"> }): void {
      const answer: Answer = { request, countedBytes: request.raw.socket.bytesWritten };
      answers.add(answer);
      raw.once("close", () => {
        answers.delete(answer);
        countSent(answer);
        read.add(nameOf(request.facts), request.facts.readBytes ?? 0);
      });
    },

    /** Bytes of the last minute, by tenant. */
    sentBytes: (): TenantAmounts => {
      for (const answer of answers) countSent(answer);
      return sent.byName();
    },
    readBytes: (): TenantAmounts => read.byName(),
  };
}

export type TenantTraffic = ReturnType<typeof createTenantTraffic>;
