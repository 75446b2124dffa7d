import { ApiError } from "@darkroom/contracts";
import { readFaults, showBatch } from "@darkroom/batches";
import type { ObjectStore } from "@darkroom/storage";
import type { FastifyInstance } from "fastify";
import type { FindBatch } from "../../batches/find-batch.ts";
import { accountOf } from "../../http/authenticate.ts";

export type ReadBatchDependencies = { findBatch: FindBatch; objects: Pick<ObjectStore, "get"> };

/** `GET /v1/batches/{id}`: the batch as it stands. The one route that tells all that is wrong with its input: others tell the first of it. */
export function readBatchRoute(app: FastifyInstance, { findBatch, objects }: ReadBatchDependencies): void {
  app.get<{ Params: { id: string } }>("/v1/batches/:id", async (request, reply) => {
    const { tenant } = accountOf(request);
    const batch = await findBatch(tenant, request.params.id);
    request.facts.batchId = batch.id;
    const errors = await readFaults(batch, objects).catch((cause: unknown) => {
      const message = "What is wrong with the input of this batch cannot be read at the moment.";
      throw new ApiError("overloaded", message, { retryAfterMs: 1_000, cause });
    });
    return reply.header("cache-control", "no-store").send(showBatch({ ...batch, errors }));
  });
}
