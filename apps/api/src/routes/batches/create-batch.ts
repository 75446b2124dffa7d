import type { IncomingHttpHeaders } from "node:http";
import {
  ApiError,
  batchEndings,
  completionWindowMs,
  type CreateBatch,
  createBatchSchema,
  newBatchId,
  parseBody,
  isFileId,
} from "@darkroom/contracts";
import type { Account } from "@darkroom/accounts";
import type { FileStore } from "@darkroom/files";
import type { Logger } from "@darkroom/runtime";
import { messagingAttributes, noTracer, type Tracer } from "@darkroom/tracing";
import { type NewBatch, showBatch } from "@darkroom/batches";
import type { FastifyInstance } from "fastify";
import { acceptedBatch } from "../../batches/accepted-batch.ts";
import type { FindBatch } from "../../batches/find-batch.ts";
import { checkWebhook } from "../../generation/check-webhook.ts";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { ShedLoad } from "../../limits/shed-load.ts";
import type { StoredQuota } from "../../limits/stored-quota.ts";
import { accountOf } from "../../http/authenticate.ts";
import { readIdempotencyKey } from "../../http/idempotency-key.ts";
import type { Queue } from "../../open-queue.ts";
import type { WebhookSettings } from "../../webhook-settings.ts";

export type CreateBatchDependencies = {
  queue: Pick<Queue, "submitBatch" | "batches">;
  files: Pick<FileStore, "read">;
  findBatch: FindBatch;
  shedLoad: ShedLoad;
  storedQuota: Pick<StoredQuota, "mostLinesOf" | "assertRoomForBatch">;
  webhooks: WebhookSettings;
  tracer?: Tracer | undefined;
  log: Logger;
};

type BatchRequest = Parameters<Queue["submitBatch"]>[1] & { body: CreateBatch };
type CreatedBatch = Awaited<ReturnType<Queue["submitBatch"]>>;

/** How long the output of a batch is kept by default: thirty days, as at OpenAI. */
const standardOutputSeconds = 2_592_000;

/** `POST /v1/batches`: accepts a batch, whose lines are validated later. The same request, sent again, finds its batch. */
export function createBatchRoute(app: FastifyInstance, dependencies: CreateBatchDependencies): void {
  const { queue, files, findBatch, shedLoad, storedQuota, webhooks, tracer = noTracer, log } = dependencies;

  async function accept(account: Account, batch: NewBatch, sent: BatchRequest): Promise<CreatedBatch> {
    await checkInputFile(files, batch.tenant, batch.inputFileId);
    await checkWebhook(sent.body, webhooks);
    shedLoad(batch.tenant);
    await storedQuota.assertRoomForBatch(account);
    const mostLines = storedQuota.mostLinesOf(account);
    const attributes = {
      ...messagingAttributes({ type: "send", destination: "batches", id: batch.id }),
      "darkroom.batch.id": batch.id,
      "darkroom.tenant": batch.tenant,
    };
    const logFields = { batchId: batch.id };
    return tracer.within({ name: "send batches", kind: "producer", attributes, logFields }, async ({ context }) =>
      queueAnswer(queue.submitBatch({ ...batch, mostLines, trace: context }, sent)),
    );
  }

  app.post("/v1/batches", async (request, reply) => {
    const account = accountOf(request);
    const { tenant, keyId } = account;
    if (request.body === undefined) {
      throw new ApiError("invalid_request_error", "The body is empty: send a JSON object.");
    }
    const body = parseBody(createBatchSchema, request.body);
    const sent = {
      body,
      idempotencyKey: readIdempotencyKey(request.raw),
      clientRetry: readClientRetry(request.headers),
    };
    const batch = newBatch(body, { id: newBatchId(Date.now()), tenant, keyId });
    // The file of an earlier request may be gone by now, and its batch is there all the same.
    const earlier = await queueAnswer(queue.batches.findEarlier(batch, sent));
    const created = earlier ?? (await accept(account, batch, sent));
    if (created.kind === "limited") throw limited(created.retryAfterMs);
    const id = created.kind === "created" ? batch.id : created.id;
    // On a mismatch too: a client that uploaded its file twice, so that the file has another id, finds the batch by this header.
    reply.header("x-batch-id", id);
    if (created.kind === "mismatch") throw mismatch(id);
    if (created.kind === "attached") reply.header("idempotent-replayed", "true");
    request.facts.batchId = id;
    const found = await findBatch(tenant, id).catch((error: unknown) => {
      if (created.kind !== "created") throw error;
      // Sent again it would be another batch.
      log.warn(
        { batchId: id, err: error },
        "A batch that was created cannot be read; its caller is told what is known",
      );
      return acceptedBatch(batch, Date.now());
    });
    return reply.header("cache-control", "no-store").send(showBatch(found));
  });
}

const newBatch = (body: CreateBatch, owner: Pick<NewBatch, "id" | "tenant" | "keyId">): NewBatch => ({
  ...owner,
  inputFileId: body.input_file_id,
  completionWindow: body.completion_window,
  windowMs: completionWindowMs(body.completion_window),
  metadata: body.metadata ?? null,
  outputSeconds: body.output_expires_after?.seconds ?? standardOutputSeconds,
  webhook: body.job?.webhook ?? null,
  webhookEvents: body.job?.webhook_events ?? batchEndings,
});

const limited = (retryAfterMs: number) =>
  new ApiError("rate_limit_exceeded", "This key has made 2,000 batches in the last hour, which is the limit.", {
    retryAfterMs,
  });

const mismatch = (id: string) =>
  new ApiError(
    "idempotency_mismatch",
    `This Idempotency-Key was used before with another body: it stands for ${id}. A new request needs a new key.`,
    { param: "Idempotency-Key" },
  );

/**
 * Whether the client counts its tries, as OpenAI's SDKs do, and whether this is the first or a later one. Undefined for other clients.
 * Batches use it; images use what was answered (docs/decisions/0017).
 */
function readClientRetry(headers: IncomingHttpHeaders): "first" | "retry" | undefined {
  const count = headers["x-stainless-retry-count"];
  if (typeof count !== "string" || !/^\d{1,9}$/.test(count)) return undefined;
  return Number(count) === 0 ? "first" : "retry";
}

/**
 * Throws `ApiError` where a batch cannot have this file as its input. It is a 400 and not a 404, because the fault is in the body. No tenant
 * learns which ids other tenants have. The validation reads the content of the file.
 */
async function checkInputFile(files: Pick<FileStore, "read">, tenant: string, id: string): Promise<void> {
  const file = isFileId(id) ? await queueAnswer(files.read(id)) : null;
  if (file?.tenant !== tenant) {
    throw refuse("Invalid 'input_file_id': there is no file of this id, or no longer.");
  }
  if (file.purpose !== "batch") {
    throw refuse(`Invalid 'input_file_id': the purpose of the file is '${file.purpose}', but it must be 'batch'.`);
  }
}

const refuse = (message: string) => new ApiError("invalid_request_error", message, { param: "input_file_id" });
