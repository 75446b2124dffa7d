import { ApiError, generationSchema, parseBody } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import { StorageError } from "@darkroom/storage";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { RenderGeneration } from "../../generation/render-generation.ts";
import { accountOf } from "../../http/authenticate.ts";
import { limitSchema, type SendPage, unknownCursor } from "../../http/send-page.ts";
import type { ReadTurns } from "../../limits/read-turns.ts";
import type { Queue } from "../../open-queue.ts";

export type ListGenerationsDependencies = {
  queue: Pick<Queue, "reads">;
  catalogue: Catalogue;
  renderGeneration: RenderGeneration;
  readTurns: ReadTurns;
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
  const { queue, catalogue, renderGeneration, readTurns, sendPage } = dependencies;

  app.get("/v1/generations", readTurns, async (request, reply) => {
    const { tenant } = accountOf(request);
    const { status, model, batch, after, before, limit } = parseBody(querySchema, request.query);
    if (after !== undefined && before !== undefined) {
      const message = "'before' cannot be used together with 'after': send one of them.";
      throw new ApiError("invalid_request_error", message, { param: "before" });
    }
    // An alias stands for its model. One that is no longer served may have generations all the same.
    const served = model === undefined ? undefined : (catalogue.find(model)?.id ?? model);
    const options = { tenant, status, model: served, batchId: batch, after, before, limit, signal: request.signal };
    const page = await queueAnswer(queue.reads.generations.list(options));
    if (page === null) {
      throw unknownCursor(after === undefined ? "before" : "after", "generation of this id");
    }
    const unreadable = [...page.unreadable];
    const shown = await Promise.all(
      page.records.map(async (record) =>
        renderGeneration(record).catch((error: unknown) => {
          if (isStoreFault(error)) throw error;
          unreadable.push({ id: record.id, error });
          return null;
        }),
      ),
    );
    const data = shown.filter((generation) => generation !== null);
    return sendPage(reply, { ...page, unreadable }, data, before === undefined ? "oldest" : "newest");
  });
}

/** A store that makes no links makes none for any generation. All else is a matter of one record, which is left out. */
const isStoreFault = (error: unknown): boolean => error instanceof ApiError && error.cause instanceof StorageError;
