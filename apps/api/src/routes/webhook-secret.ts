import { ApiError } from "@darkroom/contracts";
import { webhookSecret } from "@darkroom/webhooks";
import type { FastifyInstance } from "fastify";
import { accountOf } from "../http/authenticate.ts";
import type { WebhookSettings } from "../webhook-settings.ts";

export type WebhookSecretDependencies = { webhooks: WebhookSettings };

/** `GET /v1/webhooks/secret`: what the calling key's webhooks are signed with. */
export function webhookSecretRoute(app: FastifyInstance, { webhooks }: WebhookSecretDependencies): void {
  app.get("/v1/webhooks/secret", async (request, reply) => {
    const { keyId } = accountOf(request);
    if (webhooks.signingSecret === undefined) throw new ApiError("not_found", "Webhooks are not configured here.");
    const secret = webhookSecret(webhooks.signingSecret, keyId);
    return reply.header("cache-control", "no-store").send({ object: "webhook.secret", secret });
  });
}
