import { ApiError, type ImageRequest, imageRequestSchema, newGenerationId, parseBody } from "@darkroom/contracts";
import { type Catalogue, resolveRequest } from "@darkroom/models";
import type { Logger } from "@darkroom/observe";
import { type GenerationRecord, laneName } from "@darkroom/queue";
import type { FastifyInstance } from "fastify";
import type { Drain } from "../drain.ts";
import type { Abandoner } from "../generation/abandoner.ts";
import { endingError } from "../generation/ending-error.ts";
import { type Interruption, limitWait } from "../generation/limit-wait.ts";
import type { SendImages } from "../generation/send-images.ts";
import { submitAndWait } from "../generation/submit-and-wait.ts";
import { accountOf } from "../http/authenticate.ts";
import type { OpenQueue } from "../open-queue.ts";

export type CreateImageDependencies = {
  catalogue: Catalogue;
  queue: OpenQueue;
  abandoner: Abandoner;
  sendImages: SendImages;
  drain: Drain;
  log: Logger;
  /** How long a caller waits on the line. */
  syncTimeoutMs: number;
};

/** Finished images make room in a full Redis; that takes some seconds. */
const fullRetryAfterMs = 5_000;

/** `POST /v1/images/generations`: submits a generation and answers when it has ended. */
export function createImageRoute(app: FastifyInstance, dependencies: CreateImageDependencies): void {
  const { catalogue, queue, abandoner, sendImages, drain, log, syncTimeoutMs } = dependencies;

  function refuseWhenFull(): void {
    if (drain.draining) {
      throw new ApiError("overloaded", "This server is shutting down. Send the request again.", {
        retryAfterMs: 1_000,
      });
    }
    if (queue.memoryGuard.isFull()) {
      const message = "Too many requests are waiting. Send this one again later.";
      throw new ApiError("overloaded", message, { retryAfterMs: fullRetryAfterMs });
    }
  }

  app.post("/v1/images/generations", async (request, reply) => {
    const { tenant, keyId } = accountOf(request);
    // Without a body Fastify parses none.
    if (request.body === undefined)
      throw new ApiError("invalid_request_error", "The body is empty: send a JSON object.");
    const imageRequest = parseBody(imageRequestSchema, request.body);
    const { model, upstream } = resolveRequest(catalogue, imageRequest);
    request.facts.model = model.id;
    refuseWhenFull();

    const id = newGenerationId(Date.now());
    const lane = laneName(model.provider, "interactive");
    const submission = {
      id,
      tenant,
      keyId,
      lane,
      model: model.id,
      request: imageRequest,
      upstream: { model: upstream.model, parameters: withoutPrompt(upstream.parameters) },
      expiresInMs: expiresInMs(imageRequest),
    };
    request.facts.generationId = id;
    reply.header("x-generation-id", id);
    log.debug({ requestId: request.id, generationId: id, prompt: imageRequest.prompt }, "A generation is submitted");

    const limit = limitWait({ response: reply.raw, timeoutMs: syncTimeoutMs, drain });
    let result: GenerationRecord | "gone" | Interruption;
    try {
      result = await submitAndWait({ queue, submission, interrupted: limit.interrupted, log });
    } catch (cause) {
      // It may have been accepted all the same. Whoever is told that it was not must not pay for it.
      abandoner.abandon(id, lane);
      reply.removeHeader("x-generation-id");
      const message = "The queue cannot be reached just now. Send the request again.";
      throw new ApiError("overloaded", message, { retryAfterMs: 1_000, cause });
    } finally {
      limit.release();
    }

    switch (result) {
      case "disconnect":
        abandoner.abandon(id, lane);
        return reply.hijack();
      case "shutdown":
        throw await shutdownError(id, lane);
      case "timeout":
        throw new ApiError(
          "timeout_error",
          `The images were not ready within ${syncTimeoutMs / 1_000} s. The generation goes on; its id is ${id}.`,
        );
      case "gone":
        throw new ApiError(
          "overloaded",
          "The queue lost this request before it was begun, and nothing was generated. Send it again.",
          { retryAfterMs: 1_000 },
        );
      default:
        if (result.status !== "succeeded") throw endingError(result);
        return sendImages(reply, result, imageRequest.response_format ?? "url");
    }
  });

  /** A generation that nobody has begun is canceled, and may be sent again; one that runs goes on, and sent again would be bought twice. */
  async function shutdownError(id: string, lane: string): Promise<ApiError> {
    const verdict = await abandoner.abandonNow(id, lane).catch(() => "kept" as const);
    if (verdict === "canceled") {
      const message = "This server is shutting down, and the request was not begun. Send it again.";
      return new ApiError("overloaded", message, { retryAfterMs: 1_000 });
    }
    const message = `This server is shutting down. The generation goes on; its id is ${id}.`;
    return new ApiError("overloaded", message, { retryable: false });
  }
}

const expiresInMs = ({ job }: ImageRequest) => (job?.expires_in === undefined ? undefined : job.expires_in * 1_000);

/** The prompt stands in the request already. */
function withoutPrompt<T extends { prompt: string }>({ prompt: _prompt, ...rest }: T): Omit<T, "prompt"> {
  return rest;
}
