import type { KeyStore } from "@darkroom/accounts";
import { ApiError, parseBody } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { queueAnswer } from "../../generation/queue-answer.ts";
import { limitSchema } from "../../http/limit-schema.ts";
import { showKey } from "./show-key.ts";

export type ListKeysDependencies = { keyStore: KeyStore };

const querySchema = z.strictObject({
  tenant: z.string().optional(),
  after: z.string().optional(),
  limit: limitSchema,
});

/** `GET /admin/keys`: the keys that were made here, newest first, as OpenAI's list object. */
export function listKeysRoute(app: FastifyInstance, { keyStore }: ListKeysDependencies): void {
  app.get("/admin/keys", async (request, reply) => {
    const page = await queueAnswer(keyStore.list(parseBody(querySchema, request.query)));
    if (page === null) {
      const message = "Invalid 'after': there is no key of this id, or no longer.";
      throw new ApiError("invalid_request_error", message, { param: "after" });
    }
    const data = page.records.map(showKey);
    return reply.header("cache-control", "no-store").send({
      object: "list",
      data,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
      has_more: page.hasMore,
    });
  });
}
