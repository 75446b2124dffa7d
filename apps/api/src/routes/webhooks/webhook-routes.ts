import type { FastifyInstance } from "fastify";
import { type WebhookDeliveriesDependencies, webhookDeliveriesRoutes } from "./webhook-deliveries.ts";
import { type WebhookSecretDependencies, webhookSecretRoute } from "./webhook-secret.ts";

export type WebhookRoutesDependencies = WebhookSecretDependencies & WebhookDeliveriesDependencies;

/** The deliveries of webhooks, and the secret that they are signed with. */
export function webhookRoutes(app: FastifyInstance, dependencies: WebhookRoutesDependencies): void {
  webhookSecretRoute(app, dependencies);
  webhookDeliveriesRoutes(app, dependencies);
}
