import type { Keyring, KeyStore } from "@darkroom/accounts";
import { labelSchema, noBudget, noLimits, parseBody } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { expiryMs, keySettingsSchema, resolveModels } from "./key-settings-schema.ts";
import { nameTaken, noSuchKey, showKey } from "./show-key.ts";

export type UpdateKeyDependencies = { keyStore: KeyStore; keyring: Keyring; catalogue: Catalogue; log: Logger };

const bodySchema = keySettingsSchema.extend({
  name: labelSchema.optional(),
  status: z.enum(["active", "disabled"]).optional(),
});

/** `PATCH /admin/keys/{id}`: changes the named settings, also single limits and budgets. Null removes a restriction. */
export function updateKeyRoute(app: FastifyInstance, dependencies: UpdateKeyDependencies): void {
  const { keyStore, keyring, catalogue, log } = dependencies;

  app.patch<{ Params: { id: string } }>("/admin/keys/:id", async (request, reply) => {
    const {
      name,
      status,
      models,
      limits,
      budget,
      keep_alive: keepAlive,
      expires_at,
    } = parseBody(bodySchema, request.body ?? {});
    const changes = {
      name,
      status,
      models: models ? resolveModels(catalogue, models) : models,
      limits: limits === null ? noLimits : limits,
      budget: budget === null ? noBudget : budget,
      keepAlive,
      expiresAtMs: typeof expires_at === "number" ? expiryMs(expires_at, keyring.nowMs()) : expires_at,
    };
    const record = await queueAnswer(keyStore.update(request.params.id, changes));
    if (record === "gone") throw noSuchKey();
    if (record === "taken") throw nameTaken(name ?? "");
    const { tenant, keyId, prefix } = record;
    log.info({ requestId: request.id, tenant, keyId, prefix, status: record.status }, "An API key was changed");
    await keyring.refresh();
    return reply.header("cache-control", "no-store").send(showKey(record, keyring.nowMs()));
  });
}
