import { ApiError } from "@darkroom/contracts";
import type { Logger } from "@darkroom/observe";
import type { FastifyInstance } from "fastify";
import type { FindGeneration } from "../generation/find-generation.ts";
import { queueAnswer } from "../generation/queue-answer.ts";
import type { RefuseNewWork } from "../generation/refuse-new-work.ts";
import type { RenderGeneration } from "../generation/render-generation.ts";
import { sendAccepted } from "../generation/send-generation.ts";
import { accountOf } from "../http/authenticate.ts";
import type { OpenQueue } from "../open-queue.ts";

export type RetryGenerationDependencies = {
  queue: Pick<OpenQueue, "store" | "lanes">;
  findGeneration: FindGeneration;
  renderGeneration: RenderGeneration;
  refuseNewWork: RefuseNewWork;
  log: Logger;
};

/** `POST /v1/generations/{id}/retry`: a failed, expired or canceled generation is queued once more, under its own id. */
export function retryGenerationRoute(app: FastifyInstance, dependencies: RetryGenerationDependencies): void {
  const { queue, findGeneration, renderGeneration, refuseNewWork, log } = dependencies;

  app.post<{ Params: { id: string } }>("/v1/generations/:id/retry", async (request, reply) => {
    const { tenant } = accountOf(request);
    const { id, lane } = await findGeneration(tenant, request.params.id);
    request.facts.generationId = id;
    refuseNewWork();
    const rank = await queueAnswer(queue.store.retry(id, lane, tenant));
    if (rank === "unended") throw new ApiError("conflict", `The generation ${id} has not ended: there is no need.`);
    if (rank === "succeeded")
      throw new ApiError("conflict", `The generation ${id} has succeeded: its images are there.`);
    if (rank !== "gone") {
      // A worker may still hold the job of an attempt that was canceled, and then this adds none. The janitor has its eye on it.
      await queue.lanes.add(lane, id, rank).catch((error: unknown) => {
        log.warn({ generationId: id, lane, err: error }, "The job could not be put on its lane; the janitor will");
      });
    }
    return sendAccepted(reply, await renderGeneration(await findGeneration(tenant, id)));
  });
}
