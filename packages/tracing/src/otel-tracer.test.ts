import { AsyncLocalStorage } from "node:async_hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describe, expect, test } from "vitest";
import { type Running, runningNow } from "./create-tracing.ts";
import { createOtelTracer } from "./otel-tracer.ts";
import { createSampler } from "./sampler.ts";
import { type TracingSettings, tracingEnvSchema } from "./tracing-env-schema.ts";

function openTracer(given: Partial<TracingSettings> = {}) {
  const settings = { ...tracingEnvSchema.parse({}), ...given };
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({
    sampler: createSampler(settings),
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
  });
  const running = new AsyncLocalStorage<Running>();
  const tracer = createOtelTracer({ otel: provider.getTracer("test"), callers: settings.TRACE_CALLERS, running });
  return { tracer, running, ended: () => exporter.getFinishedSpans() };
}

const traceId = "0af7651916cd43dd8448eb211c80319c";
const context = (flags: string) => `00-${traceId}-b7ad6b7169203331-${flags}`;
const caller = (flags: string) => ({ traceparent: context(flags) });

describe("a caller's context", () => {
  const recorded = (settings: Partial<TracingSettings>, flags: string) => {
    const { tracer, ended } = openTracer(settings);
    const span = tracer.start({ name: "request", kind: "server", caller: caller(flags) });
    tracer.start({ name: "part", parent: span.context }).end();
    span.end();
    const ids = new Set(ended().map((one) => one.spanContext().traceId));
    return { spans: ended().length, isContinued: span.context?.includes(traceId), ids: [...ids] };
  };

  test("is continued, and its sampled flag does not count", () => {
    const none = { OTEL_TRACES_SAMPLER: "parentbased_always_off" } as const;
    expect(recorded(none, "01")).toEqual({ spans: 0, isContinued: true, ids: [] });
    expect(recorded({}, "00")).toEqual({ spans: 2, isContinued: true, ids: [traceId] });
  });

  test("has a trace id that does not decide about a share", () => {
    // The sampler by ratio takes the lowest ids, also where the caller has chosen them.
    const lowest = "00-00000000000000010000000000000001-b7ad6b7169203331-01";
    const settings = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: 0.1 } as const;
    const { tracer, ended } = openTracer(settings);
    for (let i = 0; i < 1_000; i++) tracer.start({ name: "request", caller: { traceparent: lowest } }).end();
    // Of a thousand at a tenth; outside of these bounds once in 10^12 runs.
    expect(ended().length).toBeGreaterThan(30);
    expect(ended().length).toBeLessThan(190);
  });

  test("decides about recording where callers are trusted", () => {
    expect(recorded({ TRACE_CALLERS: "trust" }, "00")).toMatchObject({ spans: 0, isContinued: true });
    expect(recorded({ TRACE_CALLERS: "trust", OTEL_TRACES_SAMPLER: "parentbased_always_off" }, "01").spans).toBe(2);
  });

  test("is nothing where callers are passed over", () => {
    expect(recorded({ TRACE_CALLERS: "ignore" }, "00")).toMatchObject({ spans: 2, isContinued: false });
  });
});

test.each(["always_off", "traceidratio"] as const)(
  "spans follow the decision that was made at the entry, whatever the sampler %s would say",
  (OTEL_TRACES_SAMPLER) => {
    const { tracer, ended } = openTracer({ OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG: 0 });
    tracer.start({ name: "kept", parent: context("01") }).end();
    tracer.start({ name: "dropped", parent: context("00") }).end();
    expect(ended().map(({ name }) => name)).toEqual(["kept"]);
  },
);

test.each(["", "damaged", `${context("01")}-more`, "00-0-0-0"])("a damaged context is none: %j", (parent) => {
  const { tracer, ended } = openTracer();
  tracer.start({ name: "root", parent, links: [parent, null, undefined] }).end();
  expect(ended()[0]?.parentSpanContext).toBeUndefined();
  expect(ended()[0]?.links).toEqual([]);
});

test("a context with a state comes back as it was written", () => {
  const { tracer, ended } = openTracer();
  const span = tracer.start({ name: "first", caller: { ...caller("01"), tracestate: "shop=17, other=x" } });
  const child = tracer.start({ name: "second", parent: span.context });
  child.end();
  expect(child.context).toBe(`00-${traceId}-${ended()[0]?.spanContext().spanId}-01 shop=17,other=x`);
});

test("what runs within a span is a part of it, and log lines have its ids and the fields of all spans around them", async () => {
  const { tracer, running, ended } = openTracer();
  await tracer.within({ name: "outer", logFields: { requestId: "req_1" } }, async (outer) => {
    await tracer.within({ name: "inner", logFields: { generationId: "gen_1" } }, async (inner) => {
      await new Promise(setImmediate);
      expect(running.getStore()?.fields).toEqual({ requestId: "req_1", generationId: "gen_1", ...inner.logFields });
    });
    expect(running.getStore()?.fields).toEqual({ requestId: "req_1", ...outer.logFields });
  });
  expect(running.getStore()).toBeUndefined();
  const [inner, outer] = ended();
  expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
});

test("a span whose work throws has failed with the code or the name of the error, and without its message", async () => {
  const { tracer, ended } = openTracer();
  const secret = Object.assign(new Error("a secret prompt"), { code: "ECONNRESET" });
  for (const error of [secret, new TypeError("a secret prompt"), "canceled"]) {
    const work = async () => {
      throw error;
    };
    await expect(tracer.within({ name: "work" }, work)).rejects.toBe(error);
  }
  expect(ended().map(({ attributes }) => attributes["error.type"])).toEqual(["ECONNRESET", "TypeError", "canceled"]);
  expect(JSON.stringify(ended().map(({ attributes, events, status }) => [attributes, events, status]))).not.toContain(
    "secret",
  );
});

test("a loop that a span has woken is no part of it once it has ended, and none of what it begins is", async () => {
  const { tracer, running, ended } = openTracer();
  const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
  let loop = Promise.resolve();
  await tracer.within({ name: "whole", logFields: { requestId: "req_1" } }, () =>
    tracer.within({ name: "part", logFields: { generationId: "gen_1" } }, async () => {
      loop = woken.then(async () => {
        expect(tracer.hasActive()).toBe(false);
        expect(runningNow(running)).toBeUndefined();
        await tracer.within({ name: "later" }, async () => {});
      });
    }),
  );
  wake();
  await loop;
  expect(ended().find(({ name }) => name === "later")?.parentSpanContext).toBeUndefined();
});

test("a span with a parent of its own has no log fields of what runs around it", async () => {
  const { tracer, running } = openTracer();
  await tracer.within({ name: "around", logFields: { requestId: "req_1" } }, () =>
    tracer.within({ name: "other", parent: context("01"), logFields: { webhookId: "msg_1" } }, async (span) => {
      expect(runningNow(running)?.fields).toEqual({ webhookId: "msg_1", ...span.logFields });
    }),
  );
});
