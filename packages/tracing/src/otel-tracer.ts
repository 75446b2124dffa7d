import type { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  type Link,
  ROOT_CONTEXT,
  type Span as OtelSpan,
  type SpanContext,
  SpanKind as OtelKind,
  SpanStatusCode,
  trace,
  type Tracer as OtelApiTracer,
} from "@opentelemetry/api";
import { parseTraceParent, TraceState } from "@opentelemetry/core";
import { type Running, runningNow } from "./create-tracing.ts";
import { isOfCaller } from "./sampler.ts";
import {
  noTracer,
  type Span,
  splitContext,
  type SpanKind,
  type SpanOptions,
  type TraceContext,
  type Tracer,
} from "./tracer.ts";
import type { TracingSettings } from "./tracing-env-schema.ts";

export type OtelTracerOptions = {
  otel: OtelApiTracer;
  callers: TracingSettings["TRACE_CALLERS"];
  running: AsyncLocalStorage<Running>;
};

const kinds: Record<SpanKind, OtelKind> = {
  internal: OtelKind.INTERNAL,
  server: OtelKind.SERVER,
  client: OtelKind.CLIENT,
  producer: OtelKind.PRODUCER,
  consumer: OtelKind.CONSUMER,
};

/** The tracer of a process that traces. The active span is in `running`, and nothing global of OpenTelemetry is used. */
export function createOtelTracer({ otel, callers, running }: OtelTracerOptions): Tracer {
  /** The span of OpenTelemetry behind each of ours. */
  const spans = new WeakMap<Span, OtelSpan>();

  function parentOf({ parent, caller }: SpanOptions): Context {
    if (caller !== undefined) {
      const { traceparent, tracestate } = caller;
      const context = callers === "ignore" || traceparent === undefined ? null : readContext(traceparent, tracestate);
      if (context === null) return ROOT_CONTEXT;
      return trace.setSpanContext(ROOT_CONTEXT, context).setValue(isOfCaller, true);
    }
    if (parent === undefined) {
      const active = runningNow(running);
      const behind = active && spans.get(active.span);
      return behind === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, behind);
    }
    const context = parent === null ? null : readContext(...splitContext(parent));
    return context === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
  }

  function start(options: SpanOptions): Span {
    const { name, kind = "internal", attributes, links = [], logFields: ownFields } = options;
    const started = otel.startSpan(
      name,
      { kind: kinds[kind], attributes: defined(attributes), links: links.flatMap(linkTo) },
      parentOf(options),
    );
    const { traceId, spanId } = started.spanContext();
    const logFields = { trace_id: traceId, span_id: spanId };
    // What has a parent of its own is no part of what runs around it.
    const isPart = options.parent === undefined && options.caller === undefined;
    let hasFailed = false;
    let hasEnded = false;
    const span: Span = {
      get context() {
        return contextText(started.spanContext());
      },
      logFields,
      set: (more) => void started.setAttributes(defined(more)),
      link: (to) => void started.addLinks(linkTo(to)),
      fail(type) {
        if (hasFailed) return;
        hasFailed = true;
        started.setAttribute("error.type", type);
        started.setStatus({ code: SpanStatusCode.ERROR });
      },
      end() {
        if (hasEnded) return;
        hasEnded = true;
        started.end();
      },
      run(work) {
        const outer = isPart ? runningNow(running) : undefined;
        const fields = { ...outer?.fields, ...ownFields, ...logFields };
        const now: Running = {
          span,
          fields,
          get hasEnded() {
            return hasEnded;
          },
          outer,
        };
        return running.run(now, work);
      },
    };
    spans.set(span, started);
    return span;
  }

  return {
    isOn: true,
    start,
    async within(options, work) {
      const span = start(options);
      try {
        return await span.run(() => work(span));
      } catch (error) {
        span.fail(typeOf(error));
        throw error;
      } finally {
        span.end();
      }
    },
    active: () => runningNow(running)?.span ?? noTracer.active(),
    hasActive: () => runningNow(running) !== undefined,
  };
}

/** The code of an error, its name, or the word that a signal was aborted with. */
function typeOf(error: unknown): string {
  if (typeof error === "string") return error;
  if (!(error instanceof Error)) return "_OTHER";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

const defined = (attributes: SpanOptions["attributes"] = {}) =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));

function linkTo(to: TraceContext | null | undefined): Link[] {
  const context = to == null ? null : readContext(...splitContext(to));
  return context === null ? [] : [{ context }];
}

/** Null for what is no context: a record may be damaged, and a caller may send anything. */
function readContext(traceparent: string, tracestate: string | undefined): SpanContext | null {
  const context = parseTraceParent(traceparent);
  if (context === null) return null;
  return { ...context, isRemote: true, ...(tracestate !== undefined && { traceState: new TraceState(tracestate) }) };
}

function contextText({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
  const state = traceState?.serialize() ?? "";
  return state === "" ? traceparent : `${traceparent} ${state}`;
}
