import { AsyncLocalStorage } from "node:async_hooks";
import type { CloseList, Logger } from "@darkroom/runtime";
import pTimeout from "p-timeout";
import { noTracer, type Span, type Tracer } from "./tracer.ts";
import type { TracingSettings } from "./tracing-env-schema.ts";

export type CreateTracingOptions = {
  settings: TracingSettings;
  /** The name of the service where the settings give none. */
  service: string;
  /** The name of this process among those of its service. */
  instance: string;
  /** How long the process may take to stop, in milliseconds. */
  shutdownMs: number;
};

/** What runs now: its span, the fields of its log lines, and what runs around it and is its whole. */
export type Running = {
  span: Span;
  fields: Readonly<Record<string, string>>;
  readonly hasEnded: boolean;
  outer: Running | undefined;
};

/**
 * What runs now; undefined where nothing does. A loop that some work has woken goes on with the context of that work, perhaps for ever. So a
 * span that has ended does not count.
 */
export function runningNow(store: AsyncLocalStorage<Running>): Running | undefined {
  let running = store.getStore();
  while (running?.hasEnded === true) running = running.outer;
  return running;
}

/**
 * How long the last spans may take to the collector when the process stops: a tenth of its time, and three seconds at most. A collector that is
 * well takes milliseconds.
 */
const flushShare = 0.1;
const maxFlushMs = 3_000;

/**
 * Prepares tracing, by the settings of OpenTelemetry. Nothing of it is loaded before `open`, and where tracing is off, nothing at all. `open`
 * comes later because it needs the log, and the log needs `logFields`.
 */
export function createTracing(options: CreateTracingOptions) {
  const { settings, shutdownMs } = options;
  const running = new AsyncLocalStorage<Running>();
  const isOn = isSwitchedOn(settings);

  return {
    /** The fields that every log line has of the span that it is written in. Undefined where tracing is off. */
    logFields: isOn ? (): Readonly<Record<string, string>> => runningNow(running)?.fields ?? {} : undefined,

    /** Loads OpenTelemetry and starts the export; answers a tracer that does nothing where tracing is off. Call it once, before what is traced. */
    async open({ log, closes }: { log: Logger; closes: CloseList }): Promise<Tracer> {
      if (!isOn) return noTracer;
      const { openTracer } = await import("./open-tracer.ts");
      const { tracer, shutdown } = await openTracer({ ...options, running, log });
      const flushWithinMs = Math.min(shutdownMs * flushShare, maxFlushMs);
      // The first that is opened is closed last, so that the spans of all other closes are sent.
      closes.add("the export of traces", () =>
        pTimeout(shutdown(), {
          milliseconds: flushWithinMs,
          message: `The collector did not take the last spans within ${flushWithinMs} ms.`,
        }),
      );
      return tracer;
    },
  };
}

function isSwitchedOn(settings: TracingSettings): boolean {
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER: exporter } = settings;
  if (OTEL_SDK_DISABLED || exporter === "none") return false;
  return (
    exporter === "otlp" ||
    settings.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined ||
    settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined
  );
}
