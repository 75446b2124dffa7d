import { describe, expect, test } from "vitest";
import { readSettings } from "@darkroom/runtime";
import { createTracing } from "./create-tracing.ts";
import { tracingEnvSchema } from "./tracing-env-schema.ts";

const isOn = (environment: Record<string, string>) =>
  createTracing({
    settings: readSettings(tracingEnvSchema, environment),
    service: "test",
    instance: "one",
    shutdownMs: 1_000,
  }).logFields !== undefined;

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" };

describe("tracing is on", () => {
  test.each<Record<string, string>>([
    endpoint,
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector.example/v1/traces" },
    { OTEL_TRACES_EXPORTER: "otlp" },
  ])("with %j", (environment) => {
    expect(isOn(environment)).toBe(true);
  });
});

describe("tracing is off", () => {
  test.each<Record<string, string>>([
    {},
    { OTEL_SERVICE_NAME: "pictures", OTEL_TRACES_SAMPLER: "always_on" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
    { ...endpoint, OTEL_TRACES_EXPORTER: "none" },
    { ...endpoint, OTEL_SDK_DISABLED: "true" },
  ])("with %j", (environment) => {
    expect(isOn(environment)).toBe(false);
  });
});

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4317" }, "must be a URL"],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "does not speak gRPC"],
  [{ OTEL_TRACES_EXPORTER: "zipkin" }, "must be otlp or none"],
  [{ OTEL_TRACES_SAMPLER_ARG: "2" }, "OTEL_TRACES_SAMPLER_ARG"],
])("a setting that cannot be meant is named: %j", (environment, message) => {
  expect(() => readSettings(tracingEnvSchema, environment)).toThrow(message);
});

describe("headers for the collector", () => {
  const read = (headers: string) =>
    readSettings(tracingEnvSchema, { OTEL_EXPORTER_OTLP_HEADERS: headers }).OTEL_EXPORTER_OTLP_HEADERS;

  // The exporter leaves out what it cannot read, or tells the log a name that is none.
  test.each([
    "Bearer se3cret",
    "Bearer se3cret=x",
    "Basic se3cret==",
    "authorization=",
    "a=b,se3cret",
    "a=%zz",
    "a=%0d%0ase3cret",
    "a=ü",
  ])("are refused at the start, and not repeated: %j", (headers) => {
    expect(() => read(headers)).toThrow(/OTEL_EXPORTER_OTLP_HEADERS: must be name=value/);
    expect(() => read(headers)).not.toThrow(/se3cret/);
  });

  test.each(["authorization=Bearer se3cret", "authorization=Basic%20dXNlcjpwYXNz==, x-team = images", "a=b,"])(
    "are taken: %j",
    (headers) => {
      expect(read(headers)).toBe(headers);
    },
  );
});
