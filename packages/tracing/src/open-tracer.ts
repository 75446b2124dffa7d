import type { AsyncLocalStorage } from "node:async_hooks";
import { diag, DiagLogLevel } from "@opentelemetry/api";
import { ExportResultCode, parseKeyPairsIntoRecord } from "@opentelemetry/core";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Logger } from "@darkroom/runtime";
import type { CreateTracingOptions, Running } from "./create-tracing.ts";
import { createOtelTracer } from "./otel-tracer.ts";
import { createSampler } from "./sampler.ts";
import type { Tracer } from "./tracer.ts";
import type { TracingSettings } from "./tracing-env-schema.ts";

export type OpenTracerOptions = CreateTracingOptions & {
  /** Holds the span that runs. */
  running: AsyncLocalStorage<Running>;
  log: Logger;
};

/** The longest text of an attribute, in characters: that of a prompt, which is the longest that there is. */
const maxAttributeCharacters = 32_768;

/** As many spans as one export has, by the standard. */
const spansAtOnce = 512;

/** The collector where a setting switches tracing on and names none. */
const standardEndpoint = "http://localhost:4318";

/**
 * Loads OpenTelemetry and starts the export of spans. Nothing global of OpenTelemetry is set but the log of its own warnings. `shutdown` sends
 * what is left, and may take as long as the collector lets it.
 */
export async function openTracer(
  options: OpenTracerOptions,
): Promise<{ tracer: Tracer; shutdown: () => Promise<void> }> {
  const { settings, service, instance, running, log } = options;
  // The timer of an export was set within some span, and what is said of the export is not about that.
  const warn: Warn = (fields, sentence) => running.exit(() => log.warn(fields, sentence));
  const tell = (...said: unknown[]) =>
    warn({ err: new ExportWarning(sentenceOf(said)) }, "OpenTelemetry reports a fault of the export");
  diag.setLogger({ error: tell, warn: tell, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  const exporter = tellingExporter(await createExporter(settings), warn);
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        "service.name": service,
        "service.instance.id": instance,
        ...parseKeyPairsIntoRecord(settings.OTEL_RESOURCE_ATTRIBUTES),
        ...(settings.OTEL_SERVICE_NAME !== undefined && { "service.name": settings.OTEL_SERVICE_NAME }),
      }),
    ),
    sampler: createSampler(settings),
    spanLimits: { attributeValueLengthLimit: maxAttributeCharacters },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxExportBatchSize: spansAtOnce,
        maxQueueSize: settings.OTEL_BSP_MAX_QUEUE_SIZE,
        scheduledDelayMillis: settings.OTEL_BSP_SCHEDULE_DELAY,
      }),
    ],
  });
  const tracer = createOtelTracer({ otel: provider.getTracer("darkroom"), callers: settings.TRACE_CALLERS, running });
  return { tracer, shutdown: () => provider.shutdown() };
}

type Warn = Logger["warn"];

/** What OpenTelemetry says of itself: of spans that it has dropped, for example. */
class ExportWarning extends Error {
  override readonly name = "ExportWarning";
}

/** Parts of OpenTelemetry put their name before what they say, and data behind it. What is no text may be anything. */
const sentenceOf = (said: readonly unknown[]): string => said.filter((part) => typeof part === "string").join(" ");

async function createExporter(settings: TracingSettings): Promise<SpanExporter> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = standardEndpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ofTraces } =
    settings;
  const { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol = settings.OTEL_EXPORTER_OTLP_PROTOCOL } = settings;
  const { OTLPTraceExporter } =
    protocol === "http/json"
      ? await import("@opentelemetry/exporter-trace-otlp-http")
      : await import("@opentelemetry/exporter-trace-otlp-proto");
  return new OTLPTraceExporter({
    url: ofTraces ?? `${endpoint.replace(/\/$/, "")}/v1/traces`,
    headers: parseKeyPairsIntoRecord(settings.OTEL_EXPORTER_OTLP_HEADERS),
  });
}

/**
 * The same exporter, and failures are warnings of our log, which counts what repeats. The processor is told of success: it would hand the
 * error to a global handler, and does nothing else with it.
 */
function tellingExporter(exporter: SpanExporter, warn: Warn): SpanExporter {
  return {
    export(spans, done) {
      exporter.export(spans, ({ code, error }) => {
        if (code !== ExportResultCode.SUCCESS) {
          const why = error ?? new ExportWarning("The exporter gave no reason.");
          warn({ err: why, spans: spans.length }, "The collector did not take spans, and they are lost");
        }
        done({ code: ExportResultCode.SUCCESS });
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}
