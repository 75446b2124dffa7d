import { ApiError, parseBody } from "@darkroom/contracts";
import { type WebhookDelivery, webhookDeliveryStatuses, webhookSecret, type WebhookStore } from "@darkroom/webhooks";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { KeyStore } from "@darkroom/accounts";
import { queueAnswer } from "../generation/queue-answer.ts";
import { accountOf } from "../http/authenticate.ts";
import { limitSchema, type SendPage, unknownCursor } from "../http/send-page.ts";
import type { ReadTurns } from "../limits/read-turns.ts";
import type { Queue } from "../open-queue.ts";
import type { WebhookSettings } from "../webhook-settings.ts";

type WebhookSecretDependencies = {
  webhooks: WebhookSettings;
  keyStore: Pick<KeyStore, "webhookSecretVersions">;
};

/** `GET /v1/webhooks/secret`: what the calling key's webhooks are signed with. */
function webhookSecretRoute(app: FastifyInstance, dependencies: WebhookSecretDependencies): void {
  const { webhooks, keyStore } = dependencies;

  app.get("/v1/webhooks/secret", async (request, reply) => {
    const { keyId } = accountOf(request);
    if (webhooks.signingSecret === undefined) throw new ApiError("not_found", "Webhooks are not configured here.");
    const [version] = await queueAnswer(keyStore.webhookSecretVersions(keyId));
    const secret = webhookSecret(webhooks.signingSecret, keyId, version);
    return reply.header("cache-control", "no-store").send({ object: "webhook.secret", secret });
  });
}

type WebhookDeliveriesDependencies = {
  queue: Pick<Queue, "webhooks" | "reads">;
  readTurns: ReadTurns;
  sendPage: SendPage;
};

const querySchema = z.strictObject({
  status: z.enum(webhookDeliveryStatuses).optional(),
  after: z.string().optional(),
  limit: limitSchema,
});

/**
 * `GET /v1/webhooks/deliveries`: what became of the tenant's webhooks, newest first; `status=dead` are those that were given up.
 * `POST /v1/webhooks/deliveries/{id}/replay`: sends one that is settled again, under the same id.
 */
function webhookDeliveriesRoutes(app: FastifyInstance, dependencies: WebhookDeliveriesDependencies): void {
  const { readTurns, sendPage } = dependencies;
  const { webhooks, reads } = dependencies.queue;

  app.get("/v1/webhooks/deliveries", readTurns, async (request, reply) => {
    const { tenant } = accountOf(request);
    const query = parseBody(querySchema, request.query);
    const page = await queueAnswer(reads.webhooks.list({ tenant, ...query, signal: request.signal }));
    if (page === null) throw unknownCursor("after", "delivery of this id");
    return sendPage(reply, page, page.records.map(showDelivery));
  });

  app.post<{ Params: { id: string } }>("/v1/webhooks/deliveries/:id/replay", async (request, reply) => {
    const { tenant } = accountOf(request);
    const revived = await replayDelivery(webhooks, request.params.id, (own) => own.tenant === tenant);
    return reply.status(202).send(showDelivery(revived));
  });
}

/** Sends a settled delivery again. Throws `ApiError` where there is none that the caller may see, and where it is being sent. */
export async function replayDelivery(
  webhooks: Pick<WebhookStore, "read" | "revive">,
  id: string,
  maySee: (delivery: WebhookDelivery) => boolean = () => true,
): Promise<WebhookDelivery> {
  const found = await queueAnswer(webhooks.read(id));
  if (found === null || !maySee(found)) throw new ApiError("not_found", "There is no webhook delivery with this id.");
  if (!(await queueAnswer(webhooks.revive(id)))) {
    throw new ApiError("conflict", `The delivery ${id} is still being sent.`);
  }
  return (await queueAnswer(webhooks.read(id))) ?? found;
}

/** Shows a delivery to its owner. */
export const showDelivery = (delivery: WebhookDelivery) => ({
  id: delivery.id,
  object: "webhook.delivery",
  type: `${delivery.batchId === undefined ? "generation" : "batch"}.${delivery.ending}`,
  generation_id: delivery.generationId ?? null,
  batch_id: delivery.batchId ?? null,
  url: delivery.url,
  status: delivery.status,
  attempts: delivery.attempts,
  created_at: Math.floor(delivery.createdAtMs / 1_000),
  next_attempt_at: delivery.nextAttemptAtMs === undefined ? null : Math.floor(delivery.nextAttemptAtMs / 1_000),
  last_answer: delivery.lastAnswer ?? null,
});

type WebhookRoutesDependencies = WebhookSecretDependencies & WebhookDeliveriesDependencies;

/** The deliveries of webhooks, and the secret that they are signed with. */
export function webhookRoutes(app: FastifyInstance, dependencies: WebhookRoutesDependencies): void {
  webhookSecretRoute(app, dependencies);
  webhookDeliveriesRoutes(app, dependencies);
}
