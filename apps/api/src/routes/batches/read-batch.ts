import { showBatch } from "@darkroom/batches";
import type { FastifyInstance } from "fastify";
import type { FindBatch } from "../../batches/find-batch.ts";
import { accountOf } from "../../http/authenticate.ts";

export type ReadBatchDependencies = { findBatch: FindBatch };

/** `GET /v1/batches/{id}`: the current state of the batch, with the first faults of its input. The error file has all. */
export function readBatchRoute(app: FastifyInstance, { findBatch }: ReadBatchDependencies): void {
  app.get<{ Params: { id: string } }>("/v1/batches/:id", async (request, reply) => {
    const { tenant } = accountOf(request);
    const batch = await findBatch(tenant, request.params.id);
    request.facts.batchId = batch.id;
    return reply.header("cache-control", "no-store").send(showBatch(batch));
  });
}
