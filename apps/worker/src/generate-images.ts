import type { RoutedReply } from "@darkroom/deployments";
import { type ProviderCall, ProviderError, type ProviderReply, releaseBytes } from "@darkroom/providers";
import type { Attempt, Delivery, MissingImage, Outcome, Work } from "@darkroom/generations";
import type { ObjectStore } from "@darkroom/storage";
import type { Logger, Metrics } from "@darkroom/runtime";
import { delivered, planDelivery } from "./delivery.ts";
import { imageObjects } from "./image-objects.ts";
import type { ImageStore } from "./image-store.ts";
import { conclude, sortMissing, tryAgain } from "./missing-images.ts";
import { providerCostOf } from "./provider-cost.ts";
import { explainRetirement } from "./retired-model.ts";
import { showPartials } from "./show-partials.ts";

/** A reply of the upstream that the environment names, or of a deployment. */
type AskedReply = ProviderReply & Partial<Pick<RoutedReply, "servedBy" | "boughtAgain">>;

export type GenerateImagesOptions = {
  provider: { readonly name: string; generate(call: ProviderCall): Promise<AskedReply> };
  /** Where partial images go. */
  store: Pick<ObjectStore, "put" | "delete">;
  imageStore: ImageStore;
  metrics: Pick<Metrics, "repeatedImages" | "rateLimitedCalls">;
  log: Logger;
};

/**
 * The work of a lane: ask what is stored already, buy only what is missing, note what was bought, store it.
 * A second run after a crash calls the provider for nothing that an earlier one brought to the store.
 */
export function createGenerateImages({ provider, store, imageStore, metrics, log }: GenerateImagesOptions): Work {
  return async (attempt: Attempt): Promise<Outcome> => {
    const { record, signal } = attempt;
    const { id, tenant, request, upstream } = record;
    const count = upstream.parameters.n ?? 1;
    const fields = { generationId: id, tenant, lane: record.lane, attempt: record.attempts, provider: provider.name };
    const found = record.delivery === null ? null : await imageStore.find(record.delivery, { signal, fields });
    const stored = found?.delivery ?? null;
    const givenUpBefore = [...record.missing, ...(found?.refused ?? []).map(notGivenOut)];
    const settled = new Set([...(stored?.images ?? []), ...givenUpBefore].map(({ index }) => index));
    const wanted = Array.from({ length: count }, (_, index) => index).filter((index) => !settled.has(index));
    // How many images a series has is the model's choice, so what was noted of it is all of it.
    const isWholeSeries = upstream.parameters.sequential_image_generation === "auto" && settled.size > 0;
    if (wanted.length === 0 || isWholeSeries) return conclude(stored, givenUpBefore);
    const { exhausted, mayRepeat } = attempt;
    if (exhausted !== null) {
      const unmade = wanted.map((index): MissingImage =>
        Object.assign({ index, mayHaveCharged: mayRepeat }, exhausted),
      );
      return conclude(stored, [...givenUpBefore, ...unmade]);
    }

    const objects = imageObjects(record);
    log.debug({ ...fields, prompt: request.prompt, wanted }, "The provider is called");
    if (attempt.mayRepeat) metrics.repeatedImages.inc({ model: record.model }, wanted.length);
    let reply: AskedReply;
    try {
      const parameters = { ...upstream.parameters, prompt: request.prompt };
      const partials = showPartials({ attempt, store, objects, log, fields });
      const call = { generationId: id, model: upstream.model, parameters, indexes: wanted, signal };
      reply = await provider.generate({ ...call, ...partials });
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      reply = { images: [], missing: wanted.map((index) => ({ index, error })) };
    }
    reply = { ...reply, missing: explainRetirement(reply.missing, record) };
    for (const oddity of reply.oddities ?? []) log.warn({ ...fields, oddity }, "The provider's answer is odd");
    for (const { error, indexes } of byError(reply.missing)) {
      // A refusal of a deployment is counted with its call.
      const isOfLane = error.facts.rateLimited === true && error.facts.roomInMs === undefined;
      if (isOfLane) metrics.rateLimitedCalls.inc({ model: record.model });
      const sentence = reply.images.length === 0 ? "The provider delivered nothing" : "The provider delivered in part";
      log.warn({ ...fields, ...logged(error), missing: indexes }, sentence);
    }

    const { retryable, givenUp } = sortMissing(reply.missing);
    const missing = [...givenUpBefore, ...givenUp];
    const providerCostMicros = providerCostOf({ terms: record.terms, reply, earlier: stored });
    // A provider that brought nothing is not the one that drew the images of an earlier attempt.
    const isOfEarlier = reply.images.length === 0 && stored !== null && stored.images.length > 0;
    const servedBy = isOfEarlier ? stored.provider : (reply.servedBy?.provider ?? provider.name);
    const planned = planDelivery({ provider: servedBy, objects, reply, earlier: stored, providerCostMicros });
    /** What the next attempt must know. Where the ending follows, that says it. */
    const isNews = reply.images.length > 0 || (givenUp.length > 0 && retryable.length > 0);
    if (isNews)
      await note(attempt, planned, missing).catch(async (error: unknown) => {
        await Promise.all(reply.images.map(({ bytes }) => releaseBytes(bytes)));
        throw error;
      });
    const lost = await imageStore.keep(reply.images, planned, { signal, fields });
    const delivery: Delivery = delivered(planned, ({ index }) => !lost.has(index));
    missing.push(...[...lost].map(notStored));
    if (retryable.length === 0) return conclude(delivery, missing);
    if (lost.size > 0) await note(attempt, delivery, missing);
    return tryAgain(delivery, retryable, missing);
  };
}

async function note(attempt: Attempt, delivery: Delivery, missing: readonly MissingImage[]): Promise<void> {
  if (await attempt.checkpoint(delivery, missing)) return;
  throw new Error(`A later attempt owns ${attempt.record.id}`);
}

/** Images that one error is the reason of: that of a whole call is logged once. */
function byError(missing: ProviderReply["missing"]): { error: ProviderError; indexes: number[] }[] {
  const errors = new Set(missing.map(({ error }) => error));
  return [...errors].map((error) => ({
    error,
    indexes: missing.filter((one) => one.error === error).map(({ index }) => index),
  }));
}

/** Why an image is missing that came. */
const notStored = (index: number): MissingImage => ({
  index,
  code: "server_error",
  message: "The image was drawn but could not be stored.",
  mayHaveCharged: true,
});

/** Why an image is missing that an earlier attempt has brought to the store, as far as that is known. */
const notGivenOut = (index: number): MissingImage => ({
  index,
  code: "server_error",
  message: "The image was drawn, but the store does not give it out.",
  mayHaveCharged: true,
});

/** The facts for the log: what the caller is told stands in the record. */
const logged = ({ facts: { code, retryable, mayHaveCharged, upstreamStatus, detail, cause } }: ProviderError) => ({
  code,
  retryable,
  mayHaveCharged,
  upstreamStatus,
  detail,
  err: cause,
});
