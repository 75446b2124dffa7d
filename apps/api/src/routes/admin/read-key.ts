import type { Keyring, KeyStore } from "@darkroom/accounts";
import type { FastifyInstance } from "fastify";
import type { DefaultLimits } from "../../limits/stored-quota.ts";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { noSuchKey, showKey } from "./show-key.ts";

export type ReadKeyDependencies = {
  keyStore: KeyStore;
  defaultLimits: DefaultLimits;
  keyring: Pick<Keyring, "nowMs">;
};

/** `GET /admin/keys/{id}`: a key, what it has active, holds and has spent, and the limits that apply where it has none of its own. */
export function readKeyRoute(app: FastifyInstance, { keyStore, keyring, defaultLimits }: ReadKeyDependencies): void {
  app.get<{ Params: { id: string } }>("/admin/keys/:id", async (request, reply) => {
    const { id } = request.params;
    const record = await queueAnswer(keyStore.read(id));
    if (record === null) throw noSuchKey();
    const [account, requests, held] = await queueAnswer(
      Promise.all([keyStore.readUsage(id), keyStore.requests.readUse(id), keyStore.readTenantUse(record.tenant)]),
    );
    const usage = {
      ...account,
      http_requests: requests,
      stored_files: held.files,
      stored_bytes: held.bytes,
      unfinished_batch_lines: held.lines,
    };
    const shown = { ...showKey(record, keyring.nowMs()), default_limits: defaultLimits, usage };
    return reply.header("cache-control", "no-store").send(shown);
  });
}
