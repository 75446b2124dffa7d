import type { KeyStore } from "@darkroom/accounts";
import { ApiError, parseBody } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import { webhookSecret } from "@darkroom/webhooks";
import type { FastifyInstance } from "fastify";
import { queueAnswer } from "../../generation/queue-answer.ts";
import type { WebhookSettings } from "../../webhook-settings.ts";
import { graceSchema } from "./rotate-key.ts";
import { noSuchKey } from "./show-key.ts";

export type RotateWebhookSecretDependencies = {
  keyStore: KeyStore;
  webhooks: WebhookSettings;
  log: Logger;
};

/** `POST /admin/keys/{id}/webhook-secret/rotate`: the next secret for the key's webhooks. The old one signs beside it for the grace time. */
export function rotateWebhookSecretRoute(app: FastifyInstance, dependencies: RotateWebhookSecretDependencies): void {
  const { keyStore, webhooks, log } = dependencies;

  app.post<{ Params: { id: string } }>("/admin/keys/:id/webhook-secret/rotate", async (request, reply) => {
    const { id } = request.params;
    const { grace_seconds: graceSeconds } = parseBody(graceSchema, request.body ?? {});
    if (webhooks.signingSecret === undefined) throw new ApiError("not_found", "Webhooks are not configured here.");
    if (!(await queueAnswer(keyStore.rotateWebhookSecret(id, graceSeconds * 1_000)))) throw noSuchKey();
    const [version] = await queueAnswer(keyStore.webhookSecretVersions(id));
    log.info(
      { requestId: request.id, keyId: id, version, graceSeconds },
      "The webhook secret of an API key was rotated",
    );
    const secret = webhookSecret(webhooks.signingSecret, id, version);
    return reply.header("cache-control", "no-store").send({ object: "webhook.secret", secret });
  });
}
