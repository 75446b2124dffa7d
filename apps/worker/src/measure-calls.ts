import type { EndedCall } from "@darkroom/deployments";
import { type ImageProvider, ProviderError, type ProviderReply } from "@darkroom/providers";
import type { Metrics } from "@darkroom/runtime";

type CallMetrics = Pick<Metrics, "providerCalls" | "providerDuration" | "rateLimitedCalls" | "doubtfulImages">;

type Answered = Pick<ProviderReply, "images" | "missing">;

/** Counts the calls of the upstream that the environment names, by the name of its provider. */
export const measureProvider = (
  provider: ImageProvider,
  metrics: Pick<CallMetrics, "providerCalls" | "providerDuration">,
): ImageProvider => ({
  name: provider.name,
  async generate(call) {
    const { name } = provider;
    const sinceMs = performance.now();
    try {
      const reply = await provider.generate(call);
      count(metrics, name, reply, performance.now() - sinceMs);
      return reply;
    } catch (error) {
      if (error instanceof ProviderError) count(metrics, name, { images: [], missing: [{ index: 0, error }] }, 0);
      else metrics.providerCalls.inc({ upstream: name, outcome: call.signal.aborted ? "aborted" : "server_error" });
      throw error;
    }
  },
});

/** Returns the function that counts the calls of deployments, by their names. */
export const createCountCall =
  (metrics: CallMetrics) =>
  ({ model, deployment: { name }, reply, durationMs, doubtful, boughtAgain }: EndedCall): void => {
    if (reply === null) metrics.providerCalls.inc({ upstream: name, outcome: "aborted" });
    else count(metrics, name, reply, durationMs);
    if (reply?.missing.some(({ error }) => error.facts.rateLimited === true)) metrics.rateLimitedCalls.inc({ model });
    if (boughtAgain > 0) metrics.doubtfulImages.inc({ upstream: name, bought_again: "yes" }, boughtAgain);
    if (doubtful > boughtAgain) {
      metrics.doubtfulImages.inc({ upstream: name, bought_again: "no" }, doubtful - boughtAgain);
    }
  };

function count(
  metrics: Pick<CallMetrics, "providerCalls" | "providerDuration">,
  upstream: string,
  reply: Answered,
  durationMs: number,
): void {
  metrics.providerCalls.inc({ upstream, outcome: outcomeOf(reply) });
  if (reply.images.length > 0) metrics.providerDuration.observe({ upstream }, durationMs / 1_000);
}

/** What came of a call, as the metrics name it. */
function outcomeOf({ images, missing }: Answered): string {
  if (images.length > 0) return missing.length === 0 ? "succeeded" : "partial";
  if (missing.some(({ error }) => error.facts.rateLimited === true)) return "rate_limited";
  const [first, ...others] = new Set(missing.map(({ error }) => error.facts.code));
  // A series may have no image at all.
  if (first === undefined) return "succeeded";
  return others.length > 0 ? "mixed" : first;
}
