import { assertModelAllowed } from "@darkroom/accounts";
import { ApiError, type ImageRequest, imageRequestSchema, newGenerationId, parseBody } from "@darkroom/contracts";
import { type Catalogue, resolveRequest, termsOf } from "@darkroom/models";
import { laneName } from "@darkroom/queue";
import type { FastifyInstance } from "fastify";
import { admissionOf } from "../../generation/admission-of.ts";
import { checkWebhook } from "../../generation/check-webhook.ts";
import type { RefuseNewWork } from "../../generation/refuse-new-work.ts";
import { accountOf } from "../../http/authenticate.ts";
import { readClientRetry } from "../../http/client-retry.ts";
import { readIdempotencyKey } from "../../http/idempotency-key.ts";
import { type Preference, readPreference } from "../../http/preference.ts";
import type { WaitMode } from "../../wait-modes/wait-mode.ts";
import type { WebhookSettings } from "../../webhook-settings.ts";

export type CreateImageDependencies = {
  catalogue: Catalogue;
  refuseNewWork: RefuseNewWork;
  waitModes: { whenEnded: WaitMode; atOnce: WaitMode; asStream: WaitMode };
  webhooks: WebhookSettings;
};

/** `POST /v1/images/generations`: submits a generation and answers in the way that the caller waits. */
export function createImageRoute(app: FastifyInstance, dependencies: CreateImageDependencies): void {
  const { catalogue, refuseNewWork, waitModes, webhooks } = dependencies;

  app.post("/v1/images/generations", async (request, reply) => {
    const account = accountOf(request);
    // Without a body Fastify parses none.
    if (request.body === undefined)
      throw new ApiError("invalid_request_error", "The body is empty: send a JSON object.");
    const imageRequest = parseBody(imageRequestSchema, request.body);
    const resolved = resolveRequest(catalogue, imageRequest);
    const { model, upstream } = resolved;
    assertModelAllowed(account, model.id);
    request.facts.model = model.id;
    const idempotencyKey = readIdempotencyKey(request.raw);
    await checkWebhook(imageRequest, webhooks);
    refuseNewWork();

    const terms = termsOf(model, resolved.parameters);
    const submission = {
      id: newGenerationId(Date.now()),
      tenant: account.tenant,
      keyId: account.keyId,
      lane: laneName(model.provider, "interactive"),
      model: model.id,
      request: imageRequest,
      upstream: { model: upstream.model, parameters: withoutPrompt(upstream.parameters) },
      terms,
      admission: admissionOf(account, resolved, terms, imageRequest.partial_images),
      expiresInMs: expiresInMs(imageRequest),
      idempotencyKey,
      clientRetry: readClientRetry(request.headers),
    };
    const preference = readPreference(request.headers.prefer);
    const answer = chooseWaitMode(waitModes, imageRequest, preference);
    return answer({ request, reply: reply.header("vary", "Prefer"), submission, preference });
  });
}

/** `stream` is part of the request, and its answer can be nothing else; `Prefer` is a preference, which may be passed over. */
function chooseWaitMode(
  modes: CreateImageDependencies["waitModes"],
  { stream }: ImageRequest,
  prefers: Preference,
): WaitMode {
  if (stream === true) return modes.asStream;
  return prefers.respondAsync ? modes.atOnce : modes.whenEnded;
}

const expiresInMs = ({ job }: ImageRequest) => (job?.expires_in === undefined ? undefined : job.expires_in * 1_000);

/** The prompt stands in the request already. */
function withoutPrompt<T extends { prompt: string }>({ prompt: _prompt, ...rest }: T): Omit<T, "prompt"> {
  return rest;
}
