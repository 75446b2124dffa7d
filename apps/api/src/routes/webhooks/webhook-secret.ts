import { type RedisKeys, webhookSecretVersions } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import { webhookSecret } from "@darkroom/webhooks";
import type { FastifyInstance } from "fastify";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { accountOf } from "../../http/authenticate.ts";
import type { OpenQueue } from "../../open-queue.ts";
import type { WebhookSettings } from "../../webhook-settings.ts";

export type WebhookSecretDependencies = {
  webhooks: WebhookSettings;
  queue: Pick<OpenQueue, "redis">;
  names: RedisKeys;
};

/** `GET /v1/webhooks/secret`: what the calling key's webhooks are signed with. */
export function webhookSecretRoute(app: FastifyInstance, dependencies: WebhookSecretDependencies): void {
  const { webhooks, queue, names } = dependencies;

  app.get("/v1/webhooks/secret", async (request, reply) => {
    const { keyId } = accountOf(request);
    if (webhooks.signingSecret === undefined) throw new ApiError("not_found", "Webhooks are not configured here.");
    const [version] = await queueAnswer(webhookSecretVersions(queue.redis, names, keyId));
    const secret = webhookSecret(webhooks.signingSecret, keyId, version);
    return reply.header("cache-control", "no-store").send({ object: "webhook.secret", secret });
  });
}
