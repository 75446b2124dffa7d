import type { Keyring, KeyStore } from "@darkroom/accounts";
import { parseBody } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { noSuchKey, showKey } from "./show-key.ts";

/** A day is enough to distribute a new secret; a month is the longest that a former secret should be accepted. */
const usualSeconds = 86_400;
const mostSeconds = 30 * 86_400;

/** The body of a rotation: how long the former secret is accepted. 0: it ends at once. */
export const graceSchema = z.strictObject({
  grace_seconds: z
    .int()
    .min(0)
    .max(mostSeconds)
    .nullish()
    .transform((seconds) => seconds ?? usualSeconds),
});

export type RotateKeyDependencies = { keyStore: KeyStore; keyring: Keyring; log: Logger };

/** `POST /admin/keys/{id}/rotate`: a new secret for the key, shown only here. The former secret is accepted for the grace time. */
export function rotateKeyRoute(app: FastifyInstance, { keyStore, keyring, log }: RotateKeyDependencies): void {
  app.post<{ Params: { id: string } }>("/admin/keys/:id/rotate", async (request, reply) => {
    const { grace_seconds: graceSeconds } = parseBody(graceSchema, request.body ?? {});
    const issued = await queueAnswer(keyStore.rotate(request.params.id, graceSeconds * 1_000));
    if (issued === "gone") throw noSuchKey();
    const { tenant, keyId, prefix } = issued.record;
    log.info({ requestId: request.id, tenant, keyId, prefix, graceSeconds }, "An API key was rotated");
    await keyring.refresh();
    return reply
      .header("cache-control", "no-store")
      .send({ ...showKey(issued.record, keyring.nowMs()), key: issued.key });
  });
}
