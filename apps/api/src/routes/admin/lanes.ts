import { ApiError, type Lane, type LaneJob, parseBody, quoteValue } from "@darkroom/contracts";
import type { LaneState } from "@darkroom/generations";
import type { Catalogue } from "@darkroom/models";
import { laneJobStates } from "@darkroom/queue";
import type { Logger } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { lanesOf } from "../../fleet-figures.ts";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { limitSchema } from "../../http/send-page.ts";
import type { Queue } from "../../open-queue.ts";
import { showOperatorGeneration } from "./show-operator-generation.ts";

export type LanesDependencies = {
  queue: Pick<Queue, "operator" | "fleet" | "lanes">;
  catalogue: Pick<Catalogue, "models">;
  log: Logger;
};

/** A line of a million jobs has no end that anybody pages to. */
const furthest = 1_000_000;

const querySchema = z.strictObject({
  state: z.enum(laneJobStates).default("waiting"),
  /** How many jobs are passed over: where the answer before says that the next page begins. */
  from: z
    .string()
    .regex(/^\d+$/, `must be a whole number from 0 to ${furthest}`)
    .transform(Number)
    .pipe(z.int().max(furthest))
    .default(0),
  limit: limitSchema,
});

type ByLane = { Params: { lane: string } };

/**
 * `GET /admin/lanes`: the lanes with their figures.
 * `GET /admin/lanes/{lane}/jobs`: the jobs of a lane in one state, by page.
 * `POST /admin/lanes/{lane}/pause`: no worker takes a job from it, and new jobs wait. What runs goes on.
 * `POST /admin/lanes/{lane}/drain`: it takes no new generations, and works off those that wait.
 * `POST /admin/lanes/{lane}/resume`: ends both.
 */
export function lanesRoutes(app: FastifyInstance, { queue, catalogue, log }: LanesDependencies): void {
  const { operator, fleet, lanes } = queue;
  const ofModels = lanesOf(catalogue);
  const readAll = async () => queueAnswer(operator.readLanes(ofModels));

  async function find(name: string): Promise<LaneState> {
    const all = await readAll();
    const found = all.find(({ lane }) => lane === name);
    if (found !== undefined) return found;
    const names = all.map(({ lane }) => lane).join(", ");
    throw new ApiError("not_found", `There is no lane ${quoteValue(name)}. The lanes are: ${names}.`);
  }

  app.get("/admin/lanes", async (_request, reply) => {
    const data = (await readAll()).map(showLane);
    return reply.header("cache-control", "no-store").send({ object: "list", data });
  });

  app.get<ByLane>("/admin/lanes/:lane/jobs", async (request, reply) => {
    const { state, from, limit } = parseBody(querySchema, request.query);
    const { lane } = await find(request.params.lane);
    const [{ jobs, total }, nowMs] = await queueAnswer(
      Promise.all([operator.readJobs({ lane, state, from, limit }), operator.nowMs()]),
    );
    const data = jobs.map(({ id, position, generation }): LaneJob => ({
      object: "lane.job",
      id,
      state,
      position,
      generation: generation && showOperatorGeneration(generation, nowMs),
    }));
    const next = from + jobs.length;
    return reply
      .header("cache-control", "no-store")
      .send({ object: "list", data, total, next: jobs.length > 0 && next < total ? next : null });
  });

  const change = (verb: string, sentence: string, apply: (lane: string) => Promise<unknown>) =>
    app.post<ByLane>(`/admin/lanes/:lane/${verb}`, async (request, reply) => {
      const { lane } = await find(request.params.lane);
      await queueAnswer(apply(lane));
      log.info({ requestId: request.id, lane }, sentence);
      return reply.header("cache-control", "no-store").send(showLane(await find(lane)));
    });
  change("pause", "The operator has paused a lane", (lane) => lanes.pause(lane));
  change("drain", "The operator drains a lane", (lane) => fleet.drainLane(lane));
  change("resume", "The operator has resumed a lane", (lane) =>
    Promise.all([fleet.fillLane(lane), lanes.resume(lane)]),
  );
}

function showLane({ lane, paused, drained, workers, ...figures }: LaneState): Lane {
  return {
    object: "lane",
    id: lane,
    state: paused ? "paused" : drained ? "draining" : "open",
    draining: drained,
    waiting: figures.waiting,
    active: figures.active,
    delayed: figures.delayed,
    oldest_seconds: figures.oldestAgeMs === null ? null : Math.floor(figures.oldestAgeMs / 1_000),
    closed_ms: figures.closedMs,
    workers: workers.length,
    concurrency: workers.reduce((sum, { concurrency }) => sum + concurrency, 0),
  };
}
