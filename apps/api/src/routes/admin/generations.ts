import {
  ApiError,
  type ExplainedGeneration,
  type GenerationFilter,
  generationFilterSchema,
  parseBody,
  quoteValue,
} from "@darkroom/contracts";
import type { FindFilter, OperatorView } from "@darkroom/generations";
import type { Catalogue } from "@darkroom/models";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { limitSchema } from "../../http/send-page.ts";
import type { Queue } from "../../open-queue.ts";
import { showOperatorGeneration } from "./show-operator-generation.ts";

export type OperatorGenerationsDependencies = {
  queue: Pick<Queue, "operator">;
  catalogue: Pick<Catalogue, "find">;
};

const secondsInQuery = z
  .string()
  .regex(/^\d{1,12}$/, "must be Unix seconds")
  .transform(Number)
  .optional();

const querySchema = generationFilterSchema.extend({
  created_after: secondsInQuery,
  created_before: secondsInQuery,
  after: z.string().optional(),
  limit: limitSchema,
});

/**
 * `GET /admin/generations`: the generations of all tenants that match, by page.
 * `GET /admin/generations/{id}`: one, and why it is where it is, in a sentence.
 */
export function operatorGenerationsRoutes(app: FastifyInstance, dependencies: OperatorGenerationsDependencies): void {
  const { queue, catalogue } = dependencies;
  const { operator } = queue;

  app.get("/admin/generations", async (request, reply) => {
    const { after, limit, ...filter } = parseBody(querySchema, request.query);
    const [found, nowMs] = await queueAnswer(
      Promise.all([
        operator.find({ filter: findFilterOf(filter, catalogue), after, limit, signal: request.signal }),
        operator.nowMs(),
      ]),
    );
    if (found === null) throw unknownPlace();
    const data = found.records.map((view) => showOperatorGeneration(view, nowMs));
    return reply
      .header("cache-control", "no-store")
      .send({ object: "list", data, unreadable: found.unreadable, next: found.next });
  });

  app.get<{ Params: { id: string } }>("/admin/generations/:id", async (request, reply) => {
    const { id } = request.params;
    const explained = await queueAnswer(operator.explain(id));
    if (explained === null) throw new ApiError("not_found", `There is no generation ${quoteValue(id)}, or no longer.`);
    const { view, nowMs, position, reason, why } = explained;
    const shown: ExplainedGeneration = {
      ...showOperatorGeneration(view, nowMs),
      position,
      calls: showCalls(view),
      reason,
      why,
    };
    return reply.header("cache-control", "no-store").send(shown);
  });
}

const showCalls = ({ calls }: OperatorView): ExplainedGeneration["calls"] =>
  calls.map((call) => ({
    attempt: call.attempt,
    upstream: call.deployment,
    started_at: Math.floor(call.startedAtMs / 1_000),
    duration_ms: call.durationMs ?? null,
    outcome: call.outcome ?? null,
    may_have_charged: call.mayHaveCharged,
  }));

/** What the operator's filter means to the queue. An alias stands for its model; one that is not served any more may have generations. */
export function findFilterOf(filter: GenerationFilter, catalogue: Pick<Catalogue, "find">): FindFilter {
  const { model, status, created_after: from, created_before: to } = filter;
  return {
    tenant: filter.tenant,
    keyId: filter.key,
    batchId: filter.batch,
    lane: filter.lane,
    model: model === undefined ? undefined : (catalogue.find(model)?.id ?? model),
    statuses: status && [status],
    errorCode: filter.error_code,
    createdFromMs: from === undefined ? undefined : from * 1_000,
    // Up to the end of that second.
    createdToMs: to === undefined ? undefined : to * 1_000 + 999,
  };
}

export const unknownPlace = (): ApiError =>
  new ApiError("invalid_request_error", "Invalid 'after': there is no such place to go on from, or no longer.", {
    param: "after",
  });
