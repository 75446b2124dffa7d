import type { Keyring, KeyStore } from "@darkroom/accounts";
import { parseBody } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { limitSchema, type SendPage, unknownCursor } from "../../http/send-page.ts";
import { showKey } from "./show-key.ts";

export type ListKeysDependencies = { keyStore: KeyStore; keyring: Pick<Keyring, "nowMs">; sendPage: SendPage };

const querySchema = z.strictObject({
  tenant: z.string().optional(),
  after: z.string().optional(),
  limit: limitSchema,
});

/** `GET /admin/keys`: the keys that were made here, newest first, as OpenAI's list object. */
export function listKeysRoute(app: FastifyInstance, { keyStore, keyring, sendPage }: ListKeysDependencies): void {
  app.get("/admin/keys", async (request, reply) => {
    const page = await queueAnswer(keyStore.list(parseBody(querySchema, request.query)));
    if (page === null) throw unknownCursor("after", "key of this id");
    const keys = page.records.map((record) => showKey(record, keyring.nowMs()));
    return sendPage(reply, page, keys);
  });
}
