import type { Ledger } from "@darkroom/accounts";
import { parseBody } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import { type WebhookDelivery, webhookDeliveryStatuses } from "@darkroom/webhooks";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { limitSchema } from "../../http/send-page.ts";
import type { Queue } from "../../open-queue.ts";
import { replayDelivery, showDelivery } from "../webhooks.ts";
import { unknownPlace } from "./generations.ts";

export type OperatorDeliveriesDependencies = {
  queue: Pick<Queue, "reads" | "webhooks">;
  ledger: Pick<Ledger, "readTenants">;
  log: Logger;
};

/** Deliveries are kept for a month from the ending that they tell of, and each ending is in the ledger of its day. */
const keptDays = 31;

const querySchema = z.strictObject({
  tenant: z.string().optional(),
  status: z.enum(webhookDeliveryStatuses).default("dead"),
  after: z.string().optional(),
  limit: limitSchema,
});

/**
 * `GET /admin/webhooks/deliveries`: the webhook deliveries of all tenants in one state, those that were given up when none is named.
 * `POST /admin/webhooks/deliveries/{id}/replay`: sends one that is settled again, under the same id.
 */
export function operatorDeliveriesRoutes(app: FastifyInstance, dependencies: OperatorDeliveriesDependencies): void {
  const { queue, ledger, log } = dependencies;

  app.get("/admin/webhooks/deliveries", async (request, reply) => {
    const { tenant, ...query } = parseBody(querySchema, request.query);
    const tenants = tenant === undefined ? await queueAnswer(ledger.readTenants(keptDays)) : [tenant];
    const found = await queueAnswer(queue.reads.webhooks.listAll({ ...query, tenants, signal: request.signal }));
    if (found === null) throw unknownPlace();
    const data = found.records.map(showToOperator);
    return reply
      .header("cache-control", "no-store")
      .send({ object: "list", data, unreadable: found.unreadable, next: found.next });
  });

  app.post<{ Params: { id: string } }>("/admin/webhooks/deliveries/:id/replay", async (request, reply) => {
    const revived = await replayDelivery(queue.webhooks, request.params.id);
    log.info({ requestId: request.id, deliveryId: revived.id }, "The operator has a webhook sent again");
    return reply.status(202).header("cache-control", "no-store").send(showToOperator(revived));
  });
}

const showToOperator = (delivery: WebhookDelivery) => ({
  ...showDelivery(delivery),
  tenant: delivery.tenant,
  key_id: delivery.keyId,
  url: withoutSecrets(delivery.url),
});

/** The query and the user of an address may hold a receiver's secret. */
function withoutSecrets(address: string): string {
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}
