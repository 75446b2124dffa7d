import { labelSchema, parseBody } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { Queue } from "../../open-queue.ts";

/** Some milliseconds of Redis. */
const maxPage = 1_000;

const paramsSchema = z.object({ id: labelSchema });
const bodySchema = z.strictObject({
  /** Where the answer before this one says to go on. */
  from: z
    .int()
    .min(0)
    .nullish()
    .transform((from) => from ?? 0),
  limit: z
    .int()
    .min(1)
    .max(maxPage)
    .nullish()
    .transform((limit) => limit ?? maxPage),
});

export type DropEndedDependencies = { queue: { generations: Pick<Queue["generations"], "dropEnded"> }; log: Logger };

/**
 * `POST /admin/tenants/{id}/drop-ended`: ends the retention of a page of a tenant's ended generations. Workers remove them within
 * seconds, images and all. Repeat it with `from` = the `next` of the answer until that is null.
 */
export function dropEndedRoute(app: FastifyInstance, { queue, log }: DropEndedDependencies): void {
  app.post("/admin/tenants/:id/drop-ended", async (request, reply) => {
    const { id: tenant } = parseBody(paramsSchema, request.params);
    const { from, limit } = parseBody(bodySchema, request.body ?? {});
    const { dropped, nextMs } = await queueAnswer(queue.generations.dropEnded(tenant, from, limit));
    log.info({ requestId: request.id, tenant, dropped }, "Ended generations of a tenant are dropped");
    return reply
      .header("cache-control", "no-store")
      .send({ object: "generations.dropped", tenant, dropped, next: nextMs });
  });
}
