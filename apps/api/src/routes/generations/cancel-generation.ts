import type { Keyring } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance } from "fastify";
import type { CancelRecord } from "../../generation/cancel-record.ts";
import type { FindGeneration } from "../../generation/find-generation.ts";
import type { RenderGeneration } from "../../generation/render-generation.ts";
import { sendGeneration } from "../../generation/send-generation.ts";
import { accountOf } from "../../http/authenticate.ts";

export type CancelGenerationDependencies = {
  findGeneration: FindGeneration;
  cancelRecord: CancelRecord;
  renderGeneration: RenderGeneration;
  keyring: Pick<Keyring, "nowMs">;
};

/** `POST /v1/generations/{id}/cancel`: nothing more is bought for it, and a running provider call is aborted. */
export function cancelGenerationRoute(app: FastifyInstance, dependencies: CancelGenerationDependencies): void {
  const { findGeneration, cancelRecord, renderGeneration, keyring } = dependencies;

  app.post<{ Params: { id: string } }>("/v1/generations/:id/cancel", async (request, reply) => {
    const { tenant } = accountOf(request);
    const found = await findGeneration(tenant, request.params.id);
    const { id } = found;
    request.facts.generationId = id;
    const canceledIn = await cancelRecord(found);
    const record = await findGeneration(tenant, id);
    if (canceledIn === "ended") {
      throw new ApiError("conflict", `The generation ${id} has already ended: it is ${record.status}.`);
    }
    return sendGeneration(reply, await renderGeneration(record), keyring.nowMs());
  });
}
