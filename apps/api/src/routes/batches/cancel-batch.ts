import { ApiError } from "@darkroom/contracts";
import { showBatch } from "@darkroom/batches";
import type { FastifyInstance } from "fastify";
import type { FindBatch } from "../../batches/find-batch.ts";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { accountOf } from "../../http/authenticate.ts";
import type { Queue } from "../../open-queue.ts";

export type CancelBatchDependencies = { queue: Pick<Queue, "cancelBatch">; findBatch: FindBatch };

/** `POST /v1/batches/{id}/cancel`: no more of its lines begin. Ended lines stay, and are in its files once it is `cancelled`. */
export function cancelBatchRoute(app: FastifyInstance, { queue, findBatch }: CancelBatchDependencies): void {
  app.post<{ Params: { id: string } }>("/v1/batches/:id/cancel", async (request, reply) => {
    const { tenant } = accountOf(request);
    const batch = await findBatch(tenant, request.params.id);
    const { id } = batch;
    request.facts.batchId = id;
    const canceled = await queueAnswer(queue.cancelBatch(batch));
    if (canceled === null) {
      const { status } = await findBatch(tenant, id);
      throw new ApiError("conflict", `The batch ${id} cannot be canceled any more: it is ${status}.`);
    }
    return reply.header("cache-control", "no-store").send(showBatch(canceled));
  });
}
