import { ApiError, generationSchema, parseBody } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { RenderGeneration } from "../../generation/render-generation.ts";
import { accountOf } from "../../http/authenticate.ts";
import { limitSchema, type SendPage, unknownCursor } from "../../http/send-page.ts";
import type { Queue } from "../../open-queue.ts";

export type ListGenerationsDependencies = {
  queue: Pick<Queue, "generations">;
  catalogue: Catalogue;
  renderGeneration: RenderGeneration;
  sendPage: SendPage;
};

const querySchema = z.strictObject({
  status: generationSchema.shape.status.optional(),
  model: z.string().optional(),
  batch: z.string().optional(),
  after: z.string().optional(),
  before: z.string().optional(),
  limit: limitSchema,
});

/** `GET /v1/generations`: the tenant's generations, newest first, as OpenAI's list object. */
export function listGenerationsRoute(app: FastifyInstance, dependencies: ListGenerationsDependencies): void {
  const { queue, catalogue, renderGeneration, sendPage } = dependencies;

  app.get("/v1/generations", async (request, reply) => {
    const { tenant } = accountOf(request);
    const { status, model, batch, after, before, limit } = parseBody(querySchema, request.query);
    if (after !== undefined && before !== undefined) {
      const message = "'before' cannot be used together with 'after': send one of them.";
      throw new ApiError("invalid_request_error", message, { param: "before" });
    }
    // An alias stands for its model. One that is no longer served may have generations all the same.
    const served = model === undefined ? undefined : (catalogue.find(model)?.id ?? model);
    const options = { tenant, status, model: served, batchId: batch, after, before, limit };
    const page = await queueAnswer(queue.generations.list(options));
    if (page === null) {
      throw unknownCursor(after === undefined ? "before" : "after", "generation of this id");
    }
    const data = await Promise.all(page.records.map(renderGeneration));
    return sendPage(reply, page, data, before === undefined ? "oldest" : "newest");
  });
}
