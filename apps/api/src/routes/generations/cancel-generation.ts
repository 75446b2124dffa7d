import type { Keyring } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { Metrics } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import type { FindGeneration } from "../../generation/find-generation.ts";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { RenderGeneration } from "../../generation/render-generation.ts";
import { sendGeneration } from "../../generation/send-generation.ts";
import { accountOf } from "../../http/authenticate.ts";
import type { Queue } from "../../open-queue.ts";

export type CancelGenerationDependencies = {
  queue: Pick<Queue, "generations" | "lanes">;
  findGeneration: FindGeneration;
  renderGeneration: RenderGeneration;
  metrics: Pick<Metrics, "unbilledGenerations">;
  keyring: Pick<Keyring, "nowMs">;
};

/** `POST /v1/generations/{id}/cancel`: nothing more is bought for it, and a running provider call is aborted. */
export function cancelGenerationRoute(app: FastifyInstance, dependencies: CancelGenerationDependencies): void {
  const { queue, findGeneration, renderGeneration, metrics, keyring } = dependencies;

  app.post<{ Params: { id: string } }>("/v1/generations/:id/cancel", async (request, reply) => {
    const { tenant } = accountOf(request);
    const { id, lane } = await findGeneration(tenant, request.params.id);
    request.facts.generationId = id;
    const canceledIn = await queueAnswer(queue.generations.cancel(id, lane));
    const record = await findGeneration(tenant, id);
    if (canceledIn === "ended") {
      throw new ApiError("conflict", `The generation ${id} has already ended: it is ${record.status}.`);
    }
    // Its job has no effect any more. Its removal only saves a worker a read.
    if (canceledIn === "queued") await queue.lanes.remove(lane, id).catch(() => {});
    else if (record.costMicros === 0) metrics.unbilledGenerations.inc(record);
    return sendGeneration(reply, await renderGeneration(record), keyring.nowMs());
  });
}
