import { type ImageProvider, ProviderError, type ProviderReply } from "@darkroom/providers";
import type { Attempt, Delivery, Outcome, Work } from "@darkroom/queue";
import type { ObjectStore } from "@darkroom/storage";
import type { Logger, Metrics } from "@darkroom/observe";
import { delivered, planDelivery } from "./delivery.ts";
import { outcomeOfError } from "./outcome-of-error.ts";
import { showPartials } from "./show-partials.ts";
import { findStored, storeImages } from "./store-images.ts";

export type GenerateImagesOptions = {
  provider: ImageProvider;
  store: ObjectStore;
  /** How long an upload is tried again while the store is away, in milliseconds: the images are bought and held in memory. */
  uploadPatienceMs: number;
  metrics: Pick<Metrics, "repeatedImages">;
  log: Logger;
};

/**
 * The work of a lane: ask what is stored already, buy only what is missing, note what was bought, store it.
 * A second run after a crash calls the provider for nothing that an earlier one brought to the store.
 */
export function createGenerateImages({ provider, store, uploadPatienceMs, metrics, log }: GenerateImagesOptions): Work {
  return async (attempt: Attempt): Promise<Outcome> => {
    const { record, signal } = attempt;
    const { id, tenant, request, upstream } = record;
    const count = upstream.parameters.n ?? 1;
    const stored = record.delivery === null ? null : await findStored(store, record.delivery);
    const have = new Set(stored?.images.map(({ index }) => index));
    const wanted = Array.from({ length: count }, (_, index) => index).filter((index) => !have.has(index));
    if (stored !== null && wanted.length === 0) return { kind: "succeeded", delivery: stored };
    if (attempt.exhausted) return stored === null || have.size === 0 ? gaveUp : { kind: "succeeded", delivery: stored };

    const folder = `${tenant}/${id}`;
    const fields = { generationId: id, tenant, lane: record.lane, attempt: record.attempts, provider: provider.name };
    log.debug({ ...fields, prompt: request.prompt, wanted }, "The provider is called");
    if (attempt.crashes > 0) metrics.repeatedImages.inc({ model: record.model }, wanted.length);
    let reply: ProviderReply;
    try {
      const parameters = { ...upstream.parameters, prompt: request.prompt };
      const partials = showPartials({ attempt, store, folder, log, fields });
      const call = { generationId: id, model: upstream.model, parameters, indexes: wanted, signal };
      reply = await provider.generate({ ...call, ...partials });
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      log.warn({ ...fields, ...logged(error) }, "The provider delivered nothing");
      return outcomeOfError(error, stored);
    }

    const planned = planDelivery({ provider: provider.name, folder, reply, earlier: stored });
    if (!(await attempt.checkpoint(planned))) throw new Error(`A later attempt owns ${id}`);
    const lost = await storeImages({ store, images: planned.images, reply, patienceMs: uploadPatienceMs, log, fields });
    const delivery: Delivery = delivered(planned, ({ index }) => !lost.has(index));
    if (delivery.images.length === 0) return notStored;

    const [missing] = reply.missing;
    if (missing === undefined) return { kind: "succeeded", delivery };
    log.warn({ ...fields, ...logged(missing.error), missing: reply.missing.length }, "The provider delivered in part");
    const outcome = outcomeOfError(missing.error, delivery);
    return outcome.kind === "failed" ? { kind: "succeeded", delivery } : outcome;
  };
}

const gaveUp: Outcome = {
  kind: "failed",
  error: {
    code: "server_error",
    message: "Workers stopped again and again while they handled this request; it is not tried any more.",
  },
};

const notStored: Outcome = {
  kind: "failed",
  error: { code: "server_error", message: "The images were drawn but could not be stored." },
};

/** The facts for the log: what the caller is told stands in the record. */
const logged = ({ facts: { code, retryable, mayHaveCharged, upstreamStatus, detail, cause } }: ProviderError) => ({
  code,
  retryable,
  mayHaveCharged,
  upstreamStatus,
  detail,
  err: cause,
});
