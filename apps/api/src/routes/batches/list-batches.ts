import { ApiError, parseBody } from "@darkroom/contracts";
import { showBatch } from "@darkroom/rendering";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { accountOf } from "../../http/authenticate.ts";
import { limitSchema } from "../../http/limit-schema.ts";
import type { OpenQueue } from "../../open-queue.ts";

export type ListBatchesDependencies = { queue: Pick<OpenQueue, "batches"> };

const querySchema = z.strictObject({ after: z.string().optional(), limit: limitSchema });

/** `GET /v1/batches`: the tenant's batches, newest first, as OpenAI's list object. */
export function listBatchesRoute(app: FastifyInstance, { queue }: ListBatchesDependencies): void {
  app.get("/v1/batches", async (request, reply) => {
    const { tenant } = accountOf(request);
    const { after, limit } = parseBody(querySchema, request.query);
    const page = await queueAnswer(queue.batches.list({ tenant, after, limit }));
    if (page === null) {
      const message = "Invalid 'after': there is no batch of this id, or no longer.";
      throw new ApiError("invalid_request_error", message, { param: "after" });
    }
    const data = page.records.map(showBatch);
    return reply.header("cache-control", "no-store").send({
      object: "list",
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: page.hasMore,
    });
  });
}
