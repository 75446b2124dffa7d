import { setTimeout as pause } from "node:timers/promises";
import {
  ApiError,
  type GenerationAction,
  type GenerationFilter,
  generationFilterSchema,
  parseBody,
} from "@darkroom/contracts";
import type { OperatorView } from "@darkroom/generations";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import pMap from "p-map";
import { z } from "zod";
import type { CancelRecord } from "../../generation/cancel-record.ts";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { RetryRecord } from "../../generation/retry-record.ts";
import type { Queue } from "../../open-queue.ts";
import { findFilterOf, unknownPlace } from "./generations.ts";

export type ChangeGenerationsDependencies = {
  queue: Pick<Queue, "operator" | "generations">;
  catalogue: Pick<Catalogue, "find">;
  cancelRecord: CancelRecord;
  retryRecord: RetryRecord;
  log: Logger;
};

/** A page takes some hundred scripts. */
const maxPage = 100;
/** Scripts that wait for Redis at a time. Callers' requests go between them. */
const changedAtOnce = 4;

const bodySchema = z.strictObject({
  filter: generationFilterSchema,
  /** A change is asked for in words: what is left out changes nothing. */
  dry_run: z.boolean().default(true),
  /** How many generations may be changed: the sum of `matched` of the dry run, less those that earlier pages have changed. */
  at_most: z.int().min(0).optional(),
  after: z.string().nullish(),
  limit: z.int().min(1).max(maxPage).default(maxPage),
});

/** The states that an action changes. */
const changeable = {
  cancel: ["queued", "running"],
  retry: ["failed", "canceled", "expired"],
} as const;
type Action = keyof typeof changeable;

/**
 * `POST /admin/generations/cancel` and `POST /admin/generations/retry`: cancels or retries a page of all generations that match. First a dry
 * run counts them and fixes the time up to which they were made; the change must name both, so that it changes nothing that the dry run did
 * not count. A generation that cannot be changed is named in the answer, and the others are changed.
 */
export function changeGenerationsRoutes(app: FastifyInstance, dependencies: ChangeGenerationsDependencies): void {
  const { queue, catalogue, log } = dependencies;
  const { operator } = queue;
  const change = { cancel: createCancel(dependencies), retry: createRetry(dependencies) };

  for (const action of ["cancel", "retry"] as const) {
    app.post(`/admin/generations/${action}`, async (request, reply) => {
      const body = parseBody(bodySchema, request.body ?? {});
      const { dry_run: isDryRun, after, limit } = body;
      assertChangeable(action, body.filter);
      if (!isDryRun) assertCounted(body);
      const filter: GenerationFilter = isDryRun
        ? { ...body.filter, created_before: await lastSecond(operator, body.filter.created_before, request.signal) }
        : body.filter;
      const statuses = filter.status === undefined ? changeable[action] : [filter.status];
      const wanted = { ...findFilterOf(filter, catalogue), statuses };
      const found = await queueAnswer(
        operator.find({ filter: wanted, after: after ?? undefined, limit, signal: request.signal }),
      );
      if (found === null) throw unknownPlace();
      const failed: GenerationAction["failed"] = [];
      const left = isDryRun ? [] : found.records.slice(0, body.at_most);
      const work = async (view: OperatorView) => {
        try {
          await change[action](view);
        } catch (error) {
          failed.push({ id: view.id, ...explain(error) });
          if (!(error instanceof ApiError)) {
            const fields = { requestId: request.id, generationId: view.id, action, err: error };
            log.warn(fields, "A generation could not be changed for the operator");
          }
        }
      };
      await pMap(left, work, { concurrency: changedAtOnce });
      const isOver = !isDryRun && found.records.length > left.length;
      const answer: GenerationAction = {
        object: "generations.action",
        action,
        dry_run: isDryRun,
        filter,
        matched: found.records.length,
        done: left.length - failed.length,
        failed,
        unreadable: found.unreadable,
        next: isOver ? null : found.next,
      };
      const { matched, done } = answer;
      if (!isDryRun) {
        const fields = { requestId: request.id, action, filter, matched, done, failed: failed.length };
        log.info(fields, "The operator changed the generations that match a filter");
      }
      return reply.header("cache-control", "no-store").send(answer);
    });
  }
}

/**
 * Up to which second a dry run counts, in Unix seconds by the clock of Redis: up to `wanted`, but at most up to the current second. Resolves
 * when that second is over. So nothing that comes after the dry run is of a time that the change names.
 */
async function lastSecond(
  operator: Pick<Queue["operator"], "nowMs">,
  wanted: number | undefined,
  signal: AbortSignal,
): Promise<number> {
  for (let last: number | undefined; ;) {
    const nowMs = await queueAnswer(operator.nowMs());
    // The clock may have been set back during the pause.
    if (last === undefined || nowMs < last * 1_000) last = Math.min(wanted ?? Infinity, Math.floor(nowMs / 1_000));
    const leftMs = (last + 1) * 1_000 - nowMs;
    if (leftMs <= 0) return last;
    await pause(leftMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

function assertChangeable(action: Action, { status }: GenerationFilter): void {
  const states: readonly string[] = changeable[action];
  if (status === undefined || states.includes(status)) return;
  const message = `Invalid 'filter.status': a generation that is ${status} cannot be changed so. It must be one of: ${states.join(", ")}.`;
  throw new ApiError("invalid_request_error", message, { param: "filter.status" });
}

function assertCounted({ filter, at_most: atMost }: z.output<typeof bodySchema>): void {
  const isBounded = filter.created_before !== undefined;
  if (atMost !== undefined && isBounded) return;
  const param = isBounded ? "at_most" : "filter.created_before";
  const message = `Missing required parameter: '${param}'. Send the request with "dry_run": true first; its answers say how many generations match, and up to which time.`;
  throw new ApiError("invalid_request_error", message, { param });
}

/** Why a generation was not changed. Only `ApiError` has words for a person; all others are faults of Redis or of a record. */
function explain(error: unknown): { code: string; message: string } {
  if (error instanceof ApiError) return { code: error.code, message: error.message };
  return { code: "server_error", message: "Its record cannot be read or changed by this release." };
}

function createCancel({ cancelRecord }: Pick<ChangeGenerationsDependencies, "cancelRecord">) {
  return async (view: OperatorView): Promise<void> => {
    const canceledIn = await cancelRecord(view);
    if (canceledIn === "gone" || canceledIn === "ended") throw new ApiError("conflict", "It has ended meanwhile.");
  };
}

function createRetry({ queue, retryRecord }: Pick<ChangeGenerationsDependencies, "queue" | "retryRecord">) {
  return async ({ id }: OperatorView): Promise<void> => {
    const record = await queue.generations.read(id);
    if (record === null || (await retryRecord(record)) === "gone") {
      throw new ApiError("not_found", "Its record was removed meanwhile.");
    }
  };
}
