export { createTracing } from "./create-tracing.ts";
export { messagingAttributes } from "./messaging.ts";
export { contextHeaders, noTracer, type Span, type SpanOptions, type Tracer } from "./tracer.ts";
export { tracingEnvSchema } from "./tracing-env-schema.ts";
