import { type Account, assertModelAllowed } from "@darkroom/accounts";
import type { ImageRequest } from "@darkroom/contracts";
import { type Catalogue, resolveRequest, termsOf } from "@darkroom/models";
import { laneName } from "@darkroom/queue";
import { type Submission, type RequestIdentity } from "@darkroom/generations";
import type { WebhookSettings } from "../webhook-settings.ts";
import { admissionOf } from "../limits/admission-of.ts";
import { checkWebhook } from "./check-webhook.ts";
import type { ShedLoad } from "../limits/shed-load.ts";

export type JudgeRequestOptions = { catalogue: Catalogue; shedLoad: ShedLoad; webhooks: WebhookSettings };

/** What a request comes to today: which model draws it, by which upstream, at which prices. */
export type Judgement = Omit<Submission, keyof RequestIdentity>;

/**
 * Returns the function that says what a request comes to. Throws `ApiError` where there can be no new generation for it, as things stand
 * today: the model is not served, its key may not have it, a price is missing, its webhook cannot be reached, there is no room.
 */
export function createJudgeRequest({ catalogue, shedLoad, webhooks }: JudgeRequestOptions) {
  return async (account: Account, request: ImageRequest): Promise<Judgement> => {
    const resolved = resolveRequest(catalogue, request);
    const { model, upstream } = resolved;
    assertModelAllowed(account, model.id);
    await checkWebhook(request, webhooks);
    const lane = laneName(model.provider, "interactive");
    shedLoad(account.tenant, lane);
    const terms = termsOf(model, resolved.parameters, upstream.parameters);
    const { prompt: _inTheRequest, ...parameters } = upstream.parameters;
    return {
      lane,
      model: model.id,
      upstream: { ...upstream, parameters },
      terms,
      admission: admissionOf(account, resolved, terms, request.partial_images),
      expiresInMs: request.job?.expires_in === undefined ? undefined : request.job.expires_in * 1_000,
    };
  };
}

export type JudgeRequest = ReturnType<typeof createJudgeRequest>;
