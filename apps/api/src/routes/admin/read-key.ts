import type { Keyring, KeyStore } from "@darkroom/accounts";
import type { FastifyInstance } from "fastify";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { noSuchKey, showKey } from "./show-key.ts";

export type ReadKeyDependencies = {
  keyStore: KeyStore;
  keyring: Pick<Keyring, "nowMs">;
};

/** `GET /admin/keys/{id}`: a key, what it has active and what it has spent. */
export function readKeyRoute(app: FastifyInstance, { keyStore, keyring }: ReadKeyDependencies): void {
  app.get<{ Params: { id: string } }>("/admin/keys/:id", async (request, reply) => {
    const { id } = request.params;
    const [record, usage] = await queueAnswer(Promise.all([keyStore.read(id), keyStore.readUsage(id)]));
    if (record === null) throw noSuchKey();
    return reply.header("cache-control", "no-store").send({ ...showKey(record, keyring.nowMs()), usage });
  });
}
