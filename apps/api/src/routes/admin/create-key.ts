import type { Keyring, KeyStore } from "@darkroom/accounts";
import { labelSchema, noBudget, noLimits, parseBody } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { expiryMs, keySettingsSchema, resolveModels } from "./key-settings-schema.ts";
import { nameTaken, showKey } from "./show-key.ts";

export type CreateKeyDependencies = { keyStore: KeyStore; keyring: Keyring; catalogue: Catalogue; log: Logger };

const bodySchema = keySettingsSchema.extend({ tenant: labelSchema, name: labelSchema });

/** `POST /admin/keys`: creates a key. Only this answer shows it. */
export function createKeyRoute(app: FastifyInstance, dependencies: CreateKeyDependencies): void {
  const { keyStore, keyring, catalogue, log } = dependencies;

  app.post("/admin/keys", async (request, reply) => {
    const {
      tenant,
      name,
      models,
      limits,
      budget,
      keep_alive: keepAlive,
      expires_at,
    } = parseBody(bodySchema, request.body ?? {});
    const issued = await queueAnswer(
      keyStore.create({
        tenant,
        name,
        models: models ? resolveModels(catalogue, models) : null,
        limits: { ...noLimits, ...limits },
        budget: { ...noBudget, ...budget },
        ...(keepAlive !== undefined && { keepAlive }),
        expiresAtMs: typeof expires_at === "number" ? expiryMs(expires_at, keyring.nowMs()) : null,
      }),
    );
    if (issued === "taken") throw nameTaken(name);
    const { keyId, prefix } = issued.record;
    log.info({ requestId: request.id, tenant, keyId, prefix }, "An API key was made");
    await keyring.refresh();
    return reply
      .status(201)
      .header("cache-control", "no-store")
      .send({ ...showKey(issued.record, keyring.nowMs()), key: issued.key });
  });
}
