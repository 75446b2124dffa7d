import { ApiError, parseBody } from "@darkroom/contracts";
import type { Quarantine, QuarantineEntry } from "@darkroom/redis";
import type { Logger } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";

export type QuarantineDependencies = {
  queue: { quarantine: Pick<Quarantine, "list" | "retry" | "drop"> };
  log: Logger;
};

/** As many as there ever are. */
const maxLimit = 1_000;
const usualLimit = 100;

const querySchema = z.strictObject({
  kind: z.string().optional(),
  limit: z
    .string()
    .regex(/^\d+$/, `must be a whole number from 1 to ${maxLimit}`)
    .transform(Number)
    .pipe(z.int().min(1).max(maxLimit))
    .default(usualLimit),
});

/**
 * `GET /admin/quarantine`: what the service could not deal with and has set aside, the latest first.
 * `POST /admin/quarantine/{id}/retry`: has it tried at once.
 * `DELETE /admin/quarantine/{id}`: gives it up for good; 409 for what is alive.
 */
export function quarantineRoutes(app: FastifyInstance, { queue, log }: QuarantineDependencies): void {
  const { quarantine } = queue;

  app.get("/admin/quarantine", async (request, reply) => {
    const { kind, limit } = parseBody(querySchema, request.query);
    const found = await queueAnswer(quarantine.list({ kind, limit: limit + 1 }));
    const data = found.slice(0, limit).map(showEntry);
    return reply.header("cache-control", "no-store").send({ object: "list", data, has_more: found.length > limit });
  });

  app.post<{ Params: { id: string } }>("/admin/quarantine/:id/retry", async (request, reply) => {
    const { id } = request.params;
    if ((await queueAnswer(quarantine.retry(id))) === "gone") throw noSuchEntry();
    log.info({ requestId: request.id, quarantineId: id }, "Something in quarantine is tried again");
    return reply.send({ id, object: "quarantine_entry", retried: true });
  });

  app.delete<{ Params: { id: string } }>("/admin/quarantine/:id", async (request, reply) => {
    const { id } = request.params;
    const answer = await queueAnswer(quarantine.drop(id));
    if (answer === "gone") throw noSuchEntry();
    if (answer === "alive") {
      throw new ApiError(
        "conflict",
        "This is alive and cannot be dropped. Cancel it by its own id, or have it tried again.",
      );
    }
    log.info({ requestId: request.id, quarantineId: id }, "Something in quarantine was dropped");
    return reply.send({ id, object: "quarantine_entry", deleted: true });
  });
}

const noSuchEntry = () =>
  new ApiError("not_found", "There is nothing with this id in quarantine. It may have been dealt with since.");

/** Times are Unix seconds, as in all other answers. */
const showEntry = ({ sinceMs, seenMs, ...entry }: QuarantineEntry) => ({
  object: "quarantine_entry",
  ...entry,
  since: Math.floor(sinceMs / 1_000),
  last_seen: Math.floor(seenMs / 1_000),
});
