import { randomBytes } from "node:crypto";
import { type Context, createContextKey, ROOT_CONTEXT, trace, TraceFlags } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  type Sampler,
  SamplingDecision,
} from "@opentelemetry/sdk-trace";
import type { TracingSettings } from "./tracing-env-schema.ts";

/** Set in the context of a span whose parent is the span of a caller. */
export const isOfCaller = createContextKey("darkroom: the parent is of a caller");

type SamplerSettings = Pick<TracingSettings, "OTEL_TRACES_SAMPLER" | "OTEL_TRACES_SAMPLER_ARG" | "TRACE_CALLERS">;

/**
 * Decides which spans are recorded. The sampler of the settings is asked where a trace enters Darkroom; all other spans follow the decision,
 * which is in their parent's context, so that a trace is recorded whole or not at all.
 *
 * A caller chooses its trace id and its sampled flag. Unless callers are trusted, the sampler sees neither: it gets no parent and a random
 * trace id, because a sampler by ratio decides by the id.
 */
export function createSampler(settings: SamplerSettings): Sampler {
  const entry = samplers[settings.OTEL_TRACES_SAMPLER](settings.OTEL_TRACES_SAMPLER_ARG);
  const isTrusting = settings.TRACE_CALLERS === "trust";
  return {
    shouldSample(context, traceId, ...span) {
      const parent = trace.getSpanContext(context);
      if (parent === undefined) return entry.shouldSample(context, traceId, ...span);
      if (isFromCaller(context)) {
        if (isTrusting) return entry.shouldSample(context, traceId, ...span);
        return entry.shouldSample(ROOT_CONTEXT, randomBytes(16).toString("hex"), ...span);
      }
      const isSampled = (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
      return { decision: isSampled ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD };
    },
    toString: () => `Darkroom{entry=${entry.toString()}}`,
  };
}

const isFromCaller = (context: Context): boolean => context.getValue(isOfCaller) === true;

/** The samplers by the names that OpenTelemetry gives them. */
const samplers: Record<SamplerSettings["OTEL_TRACES_SAMPLER"], (ratio: number) => Sampler> = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
};
