import type { Keyring, KeyStore } from "@darkroom/accounts";
import type { Logger } from "@darkroom/runtime";
import type { FastifyInstance } from "fastify";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { noSuchKey } from "./show-key.ts";

export type DeleteKeyDependencies = { keyStore: KeyStore; keyring: Keyring; log: Logger };

/** `DELETE /admin/keys/{id}`: deletes the key. Its generations and its usage stay. A repeated call gets the same answer. */
export function deleteKeyRoute(app: FastifyInstance, { keyStore, keyring, log }: DeleteKeyDependencies): void {
  app.delete<{ Params: { id: string } }>("/admin/keys/:id", async (request, reply) => {
    const { id } = request.params;
    if (!(await queueAnswer(keyStore.remove(id)))) throw noSuchKey();
    log.info({ requestId: request.id, keyId: id }, "An API key was deleted");
    await keyring.refresh();
    return reply.send({ id, object: "api_key", deleted: true });
  });
}
