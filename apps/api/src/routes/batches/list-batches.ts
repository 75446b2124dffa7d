import { parseBody } from "@darkroom/contracts";
import { showBatch } from "@darkroom/batches";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { accountOf } from "../../http/authenticate.ts";
import { limitSchema, type SendPage, unknownCursor } from "../../http/send-page.ts";
import type { ReadTurns } from "../../limits/read-turns.ts";
import type { Queue } from "../../open-queue.ts";

export type ListBatchesDependencies = { queue: Pick<Queue, "reads">; readTurns: ReadTurns; sendPage: SendPage };

const querySchema = z.strictObject({ after: z.string().optional(), limit: limitSchema });

/** `GET /v1/batches`: the tenant's batches, newest first, as OpenAI's list object. */
export function listBatchesRoute(app: FastifyInstance, { queue, readTurns, sendPage }: ListBatchesDependencies): void {
  app.get("/v1/batches", readTurns, async (request, reply) => {
    const { tenant } = accountOf(request);
    const { after, limit } = parseBody(querySchema, request.query);
    const page = await queueAnswer(queue.reads.batches.list({ tenant, after, limit, signal: request.signal }));
    if (page === null) throw unknownCursor("after", "batch of this id");
    return sendPage(reply, page, page.records.map(showBatch));
  });
}
