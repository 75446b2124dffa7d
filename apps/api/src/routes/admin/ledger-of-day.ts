import { type Ledger, LedgerError } from "@darkroom/accounts";
import { ApiError, parseBody } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { daySchema } from "../../usage/usage-query.ts";

export type LedgerOfDayDependencies = { ledger: Ledger };

const paramsSchema = z.object({ day: daySchema });

/**
 * `POST /admin/ledger/{day}/export`: writes what Redis holds of a day's ledger to the object store.
 * `POST /admin/ledger/{day}/rebuild`: recomputes the usage of a day that is over, from its ledger.
 */
export function ledgerOfDayRoutes(app: FastifyInstance, { ledger }: LedgerOfDayDependencies): void {
  app.post("/admin/ledger/:day/export", async (request, reply) => {
    const { day } = parseBody(paramsSchema, request.params);
    const exported = await ledgerAnswer(ledger.exportDay(day));
    return reply.header("cache-control", "no-store").send({ object: "ledger.export", day, ...exported });
  });

  app.post("/admin/ledger/:day/rebuild", async (request, reply) => {
    const { day } = parseBody(paramsSchema, request.params);
    const rebuilt = await ledgerAnswer(ledger.rebuildUsage(day));
    return reply.header("cache-control", "no-store").send({ object: "ledger.rebuild", day, ...rebuilt });
  });
}

/** The answer of the ledger, or `ApiError`. The admin gets the fault of a ledger, because only the admin can repair it. */
async function ledgerAnswer<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof LedgerError) {
      throw new ApiError(cause.fault === "day_not_over" ? "conflict" : "server_error", cause.message, { cause });
    }
    const message = "Redis or the object store cannot be reached at the moment. Send the request again.";
    throw new ApiError("overloaded", message, { retryAfterMs: 1_000, cause });
  }
}
