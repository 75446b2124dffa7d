import { secretSetting, wholeNumber } from "@darkroom/runtime";
import { z } from "zod";

const url = z.url({ protocol: /^https?$/, error: "must be a URL that begins with http:// or https://" });

const protocols = ["http/protobuf", "http/json"] as const;
const protocol = z.enum(protocols, "must be http/protobuf or http/json; Darkroom does not speak gRPC to a collector");

/** One header as OpenTelemetry writes it: the name is a token, and the value is printable ASCII, in which anything may be percent-encoded. */
const header = /^[\w!#$&'*+.^`|~-]+ *=(?:[ -$&-~]|%(?:[2-6][\da-f]|7[\da-e]))+$/i;

const headers = z
  .string()
  .refine((text) => text.split(",").every((one) => one.trim() === "" || header.test(one.trim())), {
    // The exporter would leave out what is none, or have the log tell a key that stands where the name belongs.
    error: "must be name=value,name=value; each value is printable ASCII, other characters are percent-encoded",
  });

/** Whether a caller of the api continues its own trace, and whether its sampling decision counts. */
const callers = ["continue", "trust", "ignore"] as const;

/**
 * The settings of tracing, under the names that OpenTelemetry gives them. Without one that switches it on, nothing is traced. The exporter reads
 * the remaining `OTEL_EXPORTER_OTLP_…` itself: compression, certificates, timeout.
 */
export const tracingEnvSchema = z.object({
  OTEL_EXPORTER_OTLP_ENDPOINT: url
    .optional()
    .describe(
      "The OTLP/HTTP collector: `http://localhost:4318`. Switches tracing on. Spans go to its path `/v1/traces`.",
    ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url
    .optional()
    .describe("The same for traces alone, with its path. It comes before OTEL_EXPORTER_OTLP_ENDPOINT."),
  OTEL_TRACES_EXPORTER: z
    .enum(["otlp", "none"], "must be otlp or none")
    .optional()
    .describe(
      "`none` switches tracing off. `otlp` switches it on without an endpoint too: the collector is then `http://localhost:4318`.",
    ),
  OTEL_SDK_DISABLED: z
    .stringbool("must be true or false")
    .default(false)
    .describe("`true` switches tracing off, whatever else is set."),
  OTEL_EXPORTER_OTLP_PROTOCOL: protocol
    .default("http/protobuf")
    .describe("How spans are encoded: `http/protobuf` or `http/json`."),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: protocol
    .optional()
    .describe("The same for traces alone. It comes before OTEL_EXPORTER_OTLP_PROTOCOL."),
  OTEL_EXPORTER_OTLP_HEADERS: secretSetting(
    headers.optional().describe("Headers for the collector, such as its key: `name=value,name=value`."),
  ),
  OTEL_SERVICE_NAME: z
    .string()
    .optional()
    .describe(
      "The name of the service in traces. Unset: `darkroom-api` and `darkroom-worker`. Where it is set for both, they have one name.",
    ),
  OTEL_RESOURCE_ATTRIBUTES: z
    .string()
    .optional()
    .describe("Attributes of every span: `deployment.environment.name=production,service.namespace=images`."),
  OTEL_TRACES_SAMPLER: z
    .enum([
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio",
      "always_on",
      "always_off",
      "traceidratio",
    ])
    .default("parentbased_always_on")
    .describe(
      "Which traces are recorded. It decides once, where a trace enters Darkroom; all spans of a trace follow. With `…traceidratio` OTEL_TRACES_SAMPLER_ARG is their share.",
    ),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe("The share of traces that is recorded, from 0 to 1, with a sampler that takes one."),
  OTEL_BSP_MAX_QUEUE_SIZE: wholeNumber(512, 1_000_000)
    .default(2_048)
    .describe(
      "How many ended spans a process keeps for a collector that is slow or away, some 2 KB each. Further ones are dropped.",
    ),
  OTEL_BSP_SCHEDULE_DELAY: wholeNumber(1, 600_000)
    .default(5_000)
    .describe(
      "How long an ended span waits for others before it is sent, in milliseconds. 512 spans are sent at once.",
    ),
  OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: z
    .stringbool("must be true or false")
    .default(false)
    .describe("`true`: spans of provider calls have the prompt, as `gen_ai.input.messages`."),
  TRACE_CALLERS: z
    .enum(callers)
    .default("continue")
    .describe(
      "What the `traceparent` of a caller does. `continue`: its trace goes on here, and the sampler decides whether it is recorded. `trust`: the caller's decision counts as well. `ignore`: each request begins a trace.",
    ),
  TRACE_PROVIDERS: z
    .stringbool("must be true or false")
    .default(false)
    .describe(
      "`true`: providers get `traceparent` and `tracestate`. For upstreams of your own: they tell others which of your calls belong together.",
    ),
});

export type TracingSettings = z.output<typeof tracingEnvSchema>;
