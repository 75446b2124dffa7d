import { ApiError, type Process, quoteValue } from "@darkroom/contracts";
import type { FleetProcess } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { Queue } from "../../open-queue.ts";

export type ProcessesDependencies = { queue: Pick<Queue, "fleet">; log: Logger };

/**
 * `GET /admin/processes`: the apis and workers that are alive, and what each does.
 * `POST /admin/processes/{id}/drain`: has one finish what it does and end, as SIGTERM does. It obeys within five seconds.
 */
export function processesRoutes(app: FastifyInstance, { queue, log }: ProcessesDependencies): void {
  const { fleet } = queue;

  app.get("/admin/processes", async (_request, reply) => {
    const data = (await queueAnswer(fleet.list())).map(showProcess);
    return reply.header("cache-control", "no-store").send({ object: "list", data });
  });

  app.post<{ Params: { id: string } }>("/admin/processes/:id/drain", async (request, reply) => {
    const { id } = request.params;
    if ((await queueAnswer(fleet.drain(id))) === "gone") {
      throw new ApiError("not_found", `No process that is alive has the name ${quoteValue(id)}.`);
    }
    log.info({ requestId: request.id, process: id }, "The operator drains a process");
    return reply.status(202).header("cache-control", "no-store").send({ object: "process", id, draining: true });
  });
}

const showProcess = (one: FleetProcess): Process => ({
  object: "process",
  id: one.name,
  kind: one.kind,
  state: one.isAskedToDrain ? "draining" : one.state,
  host: one.host,
  pid: one.pid,
  version: one.version,
  since: Math.floor(one.sinceMs / 1_000),
  last_seen: Math.floor(one.seenAtMs / 1_000),
  clock_ahead_seconds: Math.round(one.clockAheadMs / 1_000),
  active: one.active,
  lanes: one.lanes.map(({ lane, concurrency, active, paused }) => ({ lane, concurrency, active, paused })),
});
