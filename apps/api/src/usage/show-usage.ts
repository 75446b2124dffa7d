import { daysFrom, type Ledger, totalUsage, type UsageQuery } from "@darkroom/accounts";
import type { FastifyReply } from "fastify";
import type { z } from "zod";
import { queueAnswer } from "../generation/queue-answer.ts";
import { usageDays, type usageQuerySchema } from "./usage-query.ts";

/** What the sums of a day take of a tenant with twenty keys and models. */
const bytesPerDay = 5_000;

export type ShowUsageDependencies = { ledger: Ledger };

/** Whose usage is shown, of all, a tenant, or one key, and whether to the admin, who is told what providers charge. */
export type UsageScope = Pick<UsageQuery, "tenant" | "keyId"> & { forAdmin: boolean };

/** Answers with the usage that was asked for, as far as its scope allows, and with what its rows come to. */
export async function showUsage(
  reply: FastifyReply,
  { ledger }: ShowUsageDependencies,
  query: z.output<typeof usageQuerySchema>,
  { forAdmin: ofProvider, ...whose }: UsageScope,
): Promise<FastifyReply> {
  const days = usageDays(query, await queueAnswer(ledger.today()));
  const { signal, facts } = reply.request;
  facts.readBytes = daysFrom(days.from, days.to).length * bytesPerDay;
  const data = await queueAnswer(ledger.readUsage({ ...days, ...whose, groupBy: query.group_by, ofProvider, signal }));
  return reply
    .header("cache-control", "no-store")
    .send({ object: "list", data, total: totalUsage(data, ofProvider), ...days });
}
