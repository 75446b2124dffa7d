import type { Keyring } from "@darkroom/accounts";
import { imageRequestSchema, isEnding, parseBody } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import { assertStored, type GenerationRecord, describeImages } from "@darkroom/generations";
import type { ObjectStore } from "@darkroom/storage";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Drain } from "../../drain.ts";
import { base64Response, unreadable } from "../../generation/images-body.ts";
import type { Disconnects } from "../../generation/cancel-on-disconnect.ts";
import type { FindGeneration } from "../../generation/find-generation.ts";
import { followRead } from "../../generation/follow-answer.ts";
import { type Interruption, limitWait } from "../../generation/wait-for-ending.ts";
import type { RenderGeneration } from "../../generation/render-generation.ts";
import { sendGeneration, sendGenerationBase64, sendGenerationHead } from "../../generation/send-generation.ts";
import { watchGeneration } from "../../generation/watch-generation.ts";
import { accountOf } from "../../http/authenticate.ts";
import { readPreference, varyByPreference } from "../../http/preference.ts";
import type { DownloadLimits } from "../../limits/download-limits.ts";
import { type HeldRequests, keyStopped } from "../../limits/held-requests.ts";
import type { LoadShedder } from "../../limits/load-shedder.ts";
import type { Queue } from "../../open-queue.ts";

export type ReadGenerationDependencies = {
  queue: Pick<Queue, "generations" | "waits">;
  findGeneration: FindGeneration;
  renderGeneration: RenderGeneration;
  catalogue: Catalogue;
  objects: ObjectStore;
  drain: Drain;
  heldRequests: HeldRequests;
  downloadLimits: Pick<DownloadLimits, "holdOrRefuse">;
  disconnects: Pick<Disconnects, "leave">;
  loadShedder: Pick<LoadShedder, "hold">;
  keyring: Pick<Keyring, "nowMs">;
};

const querySchema = z.strictObject({ response_format: imageRequestSchema.shape.response_format });

/** A poll is for those whose connections do not last: under what proxies allow by default. */
const maxWaitSeconds = 60;

/** `GET /v1/generations/{id}`: the generation as it stands; with `Prefer: wait`, as soon as it has ended. */
export function readGenerationRoute(app: FastifyInstance, dependencies: ReadGenerationDependencies): void {
  const { queue, findGeneration, renderGeneration, catalogue, objects } = dependencies;
  const { drain, disconnects, loadShedder, heldRequests, downloadLimits, keyring } = dependencies;

  app.get<{ Params: { id: string } }>("/v1/generations/:id", async (request, reply) => {
    const { tenant, keyId } = accountOf(request);
    const { response_format: format = "url" } = parseBody(querySchema, request.query);
    const { waitSeconds = 0 } = readPreference(request.headers.prefer);
    varyByPreference(reply);
    let record = await findGeneration(tenant, request.params.id);
    // A preference may be passed over, and is where too many wait already: the caller is told when to ask again.
    if (waitSeconds > 0 && loadShedder.hold(reply.raw)) {
      const applied = Math.min(waitSeconds, maxWaitSeconds);
      reply.header("preference-applied", `wait=${applied}`);
      const waited = await untilEnded(record, { request, reply }, applied * 1_000);
      if (waited === "disconnect") return reply.hijack();
      record = waited;
    }
    const generation = await renderGeneration(record);
    const isHead = request.method === "HEAD";
    if (format === "url" || record.status !== "succeeded") {
      // A HEAD brings its caller no image: an equal request still gets this generation.
      if (!isHead) followRead(reply.raw, record, disconnects);
      return sendGeneration(reply, generation, keyring.nowMs());
    }
    if (isHead) {
      await assertStored(record.delivery?.images ?? [], objects).catch(unreadable(record.id));
      return sendGenerationHead(reply, generation, keyring.nowMs());
    }
    downloadLimits.holdOrRefuse(reply.raw, [{ by: "key", id: keyId }]);
    const described = describeImages(record, catalogue.find(record.model));
    const response = await base64Response(described, objects).catch(unreadable(record.id));
    followRead(reply.raw, record, disconnects);
    return sendGenerationBase64(reply, generation, response, keyring.nowMs());
  });

  /** The record when it has ended, or as it stands when the wait is over. Throws `ApiError` where the caller's key has too many, or ends. */
  async function untilEnded(
    first: GenerationRecord,
    { request, reply }: { request: FastifyRequest; reply: FastifyReply },
    timeoutMs: number,
  ): Promise<GenerationRecord | "disconnect"> {
    if (isEnding(first.status)) return first;
    heldRequests.holdOrRefuse(request, reply.raw);
    const watch = await watchGeneration(queue, first.id);
    const limit = limitWait({ response: reply.raw, timeoutMs, drain, heldRequests, kind: "long_poll" });
    try {
      for (let interruption: Interruption | void = undefined; ;) {
        // Read after the watch began, so that no change slips by between the two.
        const record = await findGeneration(first.tenant, first.id);
        if (isEnding(record.status) || interruption !== undefined) return record;
        interruption = await Promise.race([watch.changed(), limit.interrupted]);
        if (interruption === "disconnect") return interruption;
        if (interruption === "stopped") throw keyStopped(first.id);
      }
    } finally {
      watch.close();
      limit.release();
    }
  }
}
